# One experiment's CSV as HTML tables: awk -f csv.awk -f table.awk FILE.csv
#
# A column "GROUP / NAME" belongs to the table GROUP, so that wide tables become several narrow ones. A cell shows our
# number with its standard error and, below it, the published one; its note is the tooltip, and a column whose cells
# all are in one unit says so in its head. More than MOST rows (a curve) are no table: the page links to the file.

BEGIN { MOST = 30 }

FNR == 1 { next }

csv_split($0, F) == 7 {
    group = ""
    column = F[2]
    if ((at = index(column, " / "))) {
        group = substr(column, 1, at - 1)
        column = substr(column, at + 3)
    }
    if (!(group in group_seen)) {
        group_seen[group] = 1
        groups[++group_count] = group
    }
    if (!((group, column) in column_seen)) {
        column_seen[group, column] = 1
        columns[group, ++column_count[group]] = column
        unit[group, column] = F[6]
    } else if (unit[group, column] != F[6])
        mixed[group, column] = 1
    if (!((group, F[1]) in row_seen)) {
        row_seen[group, F[1]] = 1
        rows[group, ++row_count[group]] = F[1]
        if (row_count[group] > most)
            most = row_count[group]
    }
    cell[group, F[1], column] = cell_html(F[3], F[4], F[5], mixed[group, column] ? F[6] : "")
    note[group, F[1], column] = F[7]
}

# 1.2e-05 as 1.2·10⁻⁵ in HTML.
function pretty(number,    parts) {
    if (split(number, parts, "e") < 2)
        return html(number)
    return html(parts[1]) "·10<sup>" (parts[2] < 0 ? "−" : "") (parts[2] < 0 ? -parts[2] : parts[2] + 0) "</sup>"
}

function cell_html(paper, ours, se, unit,    text) {
    if (ours != "")
        text = "<span class=\"ours\">" pretty(ours) (se != "" ? " ± " pretty(se) : "") (unit != "" ? " " html(unit) : "") "</span>"
    if (paper != "")
        text = text "<span class=\"theirs\">" html(paper) "</span>"
    return text
}

function print_table(group,    r, c, row, column, title) {
    print "<div class=\"scroll\"><table>"
    if (group != "")
        print "<caption>" html(group) "</caption>"
    printf "<thead><tr><th></th>"
    for (c = 1; c <= column_count[group]; c++) {
        column = columns[group, c]
        printf "<th scope=\"col\">%s%s</th>", html(column), \
            unit[group, column] != "" && !mixed[group, column] ? "<br>" html(unit[group, column]) : ""
    }
    print "</tr></thead><tbody>"
    for (r = 1; r <= row_count[group]; r++) {
        row = rows[group, r]
        printf "<tr><th scope=\"row\">%s</th>", html(row)
        for (c = 1; c <= column_count[group]; c++) {
            column = columns[group, c]
            title = note[group, row, column]
            printf "<td%s>%s</td>", title != "" ? " title=\"" html(title) "\"" : "", \
                (group, row, column) in cell ? cell[group, row, column] : ""
        }
        print "</tr>"
    }
    print "</tbody></table></div>"
}

END {
    if (most > MOST)
        exit
    print "<div class=\"tables" (group_count == 3 ? " three" : "") "\">"
    for (g = 1; g <= group_count; g++)
        print_table(groups[g])
    print "</div>"
}
