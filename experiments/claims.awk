# Claims as an HTML list, or (with -v tally=1) how many there are of each kind: awk -f csv.awk -f claims.awk FILE...

FNR == 1 { next }

csv_split($0, F) == 3 {
    count[F[2]]++
    if (!tally)
        printf "<li><span class=\"badge %s\">%s</span><span>%s</span><span class=\"detail\">%s</span></li>\n", \
            F[2], F[2], html(F[1]), html(F[3])
}

END {
    if (tally)
        printf "<span class=\"tally\"><b class=\"y\">%d</b> yes, <b class=\"n\">%d</b> no%s</span>\n", count["yes"], \
            count["no"], count["untested"] ? ", <b>" count["untested"] "</b> untested" : ""
}
