# An experiment's numbers and claims as plain text: awk -f csv.awk -f show.awk FILE.csv FILE.claims.csv
#
# A line for each number: row, column, ours with its standard error, and the published one. More than MOST rows (a curve)
# are only counted.

BEGIN { MOST = 30 }

FNR == 1 {
    file++
    next
}

csv_split($0, F) == 7 && file == 1 {
    n++
    rows += !(F[1] in seen)
    seen[F[1]]
    put(n, 1, F[1])
    put(n, 2, F[2])
    put(n, 3, F[4] (F[5] != "" ? " ± " F[5] : "") (F[6] != "" ? " " F[6] : ""))
    put(n, 4, F[3])
}

csv_split($0, F) == 3 && file == 2 { claims = claims sprintf("%-9s %s%s\n", F[2], F[1], F[3] != "" ? ": " F[3] : "") }

function put(line, column, text) {
    cell[line, column] = text
    if (width(text) > widest[column])
        widest[column] = width(text)
}

# In characters of UTF-8, whatever the locale.
function width(text) {
    gsub(/[\200-\277]/, "", text)
    return length(text)
}

function print_line(line,    k) {
    for (k = 1; k < 4; k++)
        printf "%s%*s  ", cell[line, k], widest[k] - width(cell[line, k]), ""
    print cell[line, 4]
}

END {
    put(0, 1, "row")
    put(0, 2, "column")
    put(0, 3, "ours")
    put(0, 4, "paper")
    if (rows > MOST)
        print n " numbers, too many to show"
    else
        for (line = 0; line <= n; line++)
            print_line(line)
    printf "\n%s\n", claims
}
