# From the runs' distances, a line each (budget,corrector's steps,distance), to the table, the curves and the claims, after
# cells.awk.

$1 != "any" {
  if (!($1 in seen)) budget[++budgets] = $1
  seen[$1]
}

# The first cell's distance less the second's, in standard errors.
function z(a, b) { return (mean(a) - mean(b)) / sqrt(variance(a) + variance(b) + 1e-30) }

function at(B, M) { return B SUBSEP M }

END {
  if (failed || budgets == 0) exit 1
  divisions = split("0 1 3 alone", division, " ")
  split("0 0.5 0.75 1", share, " ")
  print "row,column,paper,ours,se,unit,note" > (out ".csv")
  for (b = 1; b <= budgets; b++) {
    B = budget[b]
    printf "\"%d evaluations\"\n", B > (out "-grid.dat")
    for (m = 1; m <= divisions; m++) {
      M = division[m]
      row = M == "alone" ? "corrector only" : M " corrector steps a step"
      printf "%s,%d evaluations,,%.4g,%s,,the paper shows pictures and no numbers\n", row, B, mean(at(B, M)),
        standard_error(at(B, M)) > (out ".csv")
      printf "%s %.6g %.3g\n", share[m], mean(at(B, M)), sqrt(variance(at(B, M))) > (out "-grid.dat")
    }
    printf "\n\n" > (out "-grid.dat")
  }

  for (k = 1; k <= cells; k++)
    if (split(order[k], part, SUBSEP) && part[1] == "any")
      printf "%s,any number of evaluations,,%.4g,%s,,\n", part[2], mean(order[k]), standard_error(order[k]) > (out ".csv")

  print "claim,holds,detail" > (out ".claims.csv")
  for (b = 1; b <= budgets; b++) {
    B = budget[b]
    best = at(B, mean(at(B, 1)) < mean(at(B, 3)) ? 1 : 3)
    least = at(B, mean(at(B, 0)) < mean(at(B, "alone")) ? 0 : "alone")
    claim("Digits are best when " B " evaluations are divided between predictor and corrector",
          z(best, least) < -2 ? 1 : z(best, least) > 2 ? 0 : "untested",
          sprintf("%.3g; predictor alone %.3g, corrector alone %.3g; z = %.1f", mean(best), mean(at(B, 0)),
                  mean(at(B, "alone")), z(best, least)))
  }
  for (m = 1; m <= divisions; m++)
    for (b = 2; b <= budgets; b++) falls += z(at(budget[b], division[m]), at(budget[b - 1], division[m])) < 2
  claim("More evaluations are no worse for any division", falls == divisions * (budgets - 1),
        falls " of " divisions * (budgets - 1) " steps from one budget to the next")
}
