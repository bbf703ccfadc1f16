# Succeeds where a CSV of results holds a published number: awk -f csv.awk -f published.awk FILE.csv

FNR > 1 && csv_split($0, F) == 7 && F[3] != "" { found = 1 }

END { exit !found }
