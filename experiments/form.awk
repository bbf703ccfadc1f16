# Check the form of an experiment's results: awk -f csv.awk -f form.awk FILE.csv FILE.claims.csv ...
# One line per fault, exit status 1 if there was one.

function fault(reason) {
    printf "%s:%d: %s\n", FILENAME, FNR, reason
    faults++
}

function number(text) { return text ~ /^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$/ }

FNR == 1 {
    files++
    claims = FILENAME ~ /\.claims\.csv$/
    header = claims ? "claim,holds,detail" : "row,column,paper,ours,se,unit,note"
    width = claims ? 3 : 7
    split("", seen)
    if ($0 != header)
        fault("the header is not " header)
    next
}

{
    lines[FILENAME]++
    if (csv_split($0, F) != width) {
        fault("not " width " fields")
        next
    }
    if (claims) {
        if (F[1] == "")
            fault("no claim")
        if (F[2] !~ /^(yes|no|untested)$/)
            fault("holds is '" F[2] "', not yes, no or untested")
        if (F[2] != "untested" && F[3] == "")
            fault("no detail")
        if (seen[F[1]]++)
            fault("the same claim twice")
        next
    }
    if (F[1] == "" || F[2] == "")
        fault("no row or no column")
    if (seen[F[1] SUBSEP F[2]]++)
        fault("the same cell twice")
    if (F[4] != "" && !number(F[4]))
        fault("ours is '" F[4] "', not a number")
    if (F[5] != "" && (!number(F[5]) || F[5] + 0 < 0))
        fault("se is '" F[5] "'")
    if (F[3] == "" && F[4] == "")
        fault("a cell without a number")
}

END {
    for (k = 1; k < ARGC; k++)
        if (!(ARGV[k] in lines)) {
            printf "%s: no rows\n", ARGV[k]
            faults++
        }
    exit faults > 0
}
