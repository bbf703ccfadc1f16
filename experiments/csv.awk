# What the other awk programs here share: reading CSV (RFC 4180, without line breaks inside fields) and writing HTML.

# The fields of `line` into F[1], F[2], ...; returns how many, or -1 where quotes do not match.
function csv_split(line, F,    n, field) {
    split("", F)
    n = 0
    for (;;) {
        if (substr(line, 1, 1) == "\"") {
            field = ""
            line = substr(line, 2)
            while (match(line, /^[^"]*""/)) {
                field = field substr(line, 1, RLENGTH - 1)
                line = substr(line, RLENGTH + 1)
            }
            if (!match(line, /^[^"]*"/))
                return -1
            field = field substr(line, 1, RLENGTH - 1)
            line = substr(line, RLENGTH + 1)
            if (line != "" && substr(line, 1, 1) != ",")
                return -1
        } else {
            match(line, /^[^,]*/)
            field = substr(line, 1, RLENGTH)
            if (index(field, "\""))
                return -1
            line = substr(line, RLENGTH + 1)
        }
        F[++n] = field
        if (line == "")
            return n
        line = substr(line, 2)
    }
}

function html(text) {
    gsub(/&/, "\\&amp;", text)
    gsub(/</, "\\&lt;", text)
    gsub(/>/, "\\&gt;", text)
    gsub(/"/, "\\&quot;", text)
    return text
}
