# From the runs' distances, a line each (model,row,column,distance), to the table beside the paper's and its claims, after
# cells.awk; `steps` is N.

BEGIN {
  # The published numbers, in the order that Table 4 of the same paper shows to be the right one.
  published("smld", "ancestral", "4.98 ± .06", "4.88 ± .06", "3.62 ± .03")
  published("smld", "reverse-diffusion", "4.79 ± .07", "4.74 ± .08", "3.60 ± .02")
  published("smld", "probability-flow", "15.41 ± .15", "10.54 ± .08", "3.51 ± .04")
  published("ddpm", "ancestral", "3.24 ± .02", "3.24 ± .02", "3.21 ± .02")
  published("ddpm", "reverse-diffusion", "3.21 ± .02", "3.19 ± .02", "3.18 ± .01")
  published("ddpm", "probability-flow", "3.59 ± .04", "3.23 ± .03", "3.06 ± .03")
  paper["smld", "none", "C" 2 * steps] = "20.43 ± .07"
  paper["ddpm", "none", "C" 2 * steps] = "19.06 ± .06"
  split("ancestral reverse-diffusion probability-flow", predictors, " ")
}

function published(model, row, p, p2, pc) {
  paper[model, row, "P" steps] = p
  paper[model, row, "P" 2 * steps] = p2
  paper[model, row, "PC" steps] = pc
}

function at(model, row, column) { return mean(model SUBSEP row SUBSEP column) }

# For one model, how many of the three predictors do better in one column than in another.
function better(model, column, than, k, count) {
  for (k = 1; k <= 3; k++) count += at(model, predictors[k], column) < at(model, predictors[k], than)
  return count + 0
}

END {
  if (failed || cells == 0) exit 1
  name["smld"] = "VE (SMLD)"
  name["ddpm"] = "VP (DDPM)"
  name["ancestral"] = "ancestral sampling"
  name["reverse-diffusion"] = "reverse diffusion"
  name["probability-flow"] = "probability flow"
  name["none"] = "no predictor"
  print "row,column,paper,ours,se,unit,note" > (out ".csv")
  for (k = 1; k <= cells; k++) {
    split(order[k], part, SUBSEP)
    if (part[1] == "any") {
      printf "%s,%s,,%.4g,%s,,\n", part[2], part[3], mean(order[k]), standard_error(order[k]) > (out ".csv")
      continue
    }
    printf "%s,%s / %s,%s,%.4g,%s,,%s\n", name[part[2]], name[part[1]], part[3], paper[order[k]],
      mean(order[k]), standard_error(order[k]),
      "published: FID on CIFAR-10 with " (part[3] ~ /^P[0-9]/ && part[3] != "P" steps ? 2000 : 1000) " steps" > (out ".csv")
  }

  print "claim,holds,detail" > (out ".claims.csv")
  p = "P" steps; p2 = "P" 2 * steps; pc = "PC" steps; c = "C" 2 * steps
  for (m in name)
    if (m == "smld" || m == "ddpm") {
      claim(name[m] ": one corrector step per predictor step always improves", better(m, pc, p) == 3,
            better(m, pc, p) " of 3 predictors: " detail(m, pc, p))
      claim(name[m] ": a corrector is a better use of the evaluations than as many predictor steps more", better(m, pc, p2) == 3,
            better(m, pc, p2) " of 3 predictors: " detail(m, pc, p2))
      claim(name[m] ": correctors alone are worst at equal cost", worst(m, c, p2, pc),
            sprintf("%s %.3g", c, at(m, "none", c)))
      claim(name[m] ": without a corrector the probability flow is worst",
            at(m, "probability-flow", p) > at(m, "ancestral", p) && at(m, "probability-flow", p) > at(m, "reverse-diffusion", p),
            sprintf("%.3g; ancestral %.3g, reverse diffusion %.3g", at(m, "probability-flow", p), at(m, "ancestral", p),
                    at(m, "reverse-diffusion", p)))
      claim(name[m] ": reverse diffusion does slightly better than ancestral sampling", at(m, "reverse-diffusion", p) < at(m, "ancestral", p),
            sprintf("%.3g and %.3g", at(m, "reverse-diffusion", p), at(m, "ancestral", p)))
    }
}

function detail(model, column, than, k, text) {
  for (k = 1; k <= 3; k++)
    text = text sprintf("%s%.3g for %.3g", k > 1 ? ", " : "", at(model, predictors[k], column), at(model, predictors[k], than))
  return text
}

function worst(model, c, p2, pc, k) {
  for (k = 1; k <= 3; k++)
    if (at(model, "none", c) <= at(model, predictors[k], p2) || at(model, "none", c) <= at(model, predictors[k], pc)) return 0
  return 1
}
