# From the trainings, precision,seed,step,loss and precision,seed,,distance, to rows on standard output, and claims:
#     awk -v seeds=LIST -v half=STEP -v claims=FILE -v same_losses=CLAIM -v same_distances=CLAIM -f bf16.awk RUNS

BEGIN { FS = "," }

$3 == "" { distance[$1, $2] = $4; next }
$3 > half { loss[$1, $2, $3] = $4; steps[$3] }

# The root mean square, over the second half, of the logarithm of two curves' ratio.
function gap(a, s, b, t,    step, sum, n) {
  for (step in steps) {
    sum += log(loss[a, s, step] / loss[b, t, step]) ^ 2
    n++
  }
  return sqrt(sum / n)
}

function mean_loss(a, s,    step, sum, n) {
  for (step in steps) {
    sum += loss[a, s, step]
    n++
  }
  return sum / n
}

function mean_distance(a,    k, sum) {
  for (k = 1; k <= N; k++) sum += distance[a, seed[k]]
  return sum / N
}

# Of the mean.
function variance(a,    k, m, sum) {
  m = mean_distance(a)
  for (k = 1; k <= N; k++) sum += (distance[a, seed[k]] - m) ^ 2
  return sum / (N - 1) / N
}

function row(name, column, value, se) { printf "\"%s\",%s,,%.4g,%s,,\n", name, column, value, se }

function claim(text, holds, detail) { printf "\"%s\",%s,\"%s\"\n", text, holds ? "yes" : "no", detail >>claims }

END {
  N = split(seeds, seed, " ")
  split("float bf16", precision, " ")
  for (k = 1; k <= N; k++)
    for (p = 1; p <= 2; p++) {
      row("loss, seed " seed[k], precision[p], mean_loss(precision[p], seed[k]))
      row("distance, seed " seed[k], precision[p], distance[precision[p], seed[k]])
    }
  for (p = 1; p <= 2; p++)
    row("mean distance", precision[p], mean_distance(precision[p]), sprintf("%.3g", sqrt(variance(precision[p]))))
  for (k = 1; k <= N; k++) {
    bits += gap("float", seed[k], "bf16", seed[k]) / N
    others += gap("float", seed[k], "float", seed[k % N + 1]) / N
  }
  claim(same_losses, bits < others,
    sprintf("root mean square of the ratio's logarithm: %.3g, with another seed %.3g", bits, others))
  f = mean_distance("float")
  b = mean_distance("bf16")
  se = sqrt(variance("float") + variance("bf16"))
  claim(same_distances, (b - f) ^ 2 <= 9 * se ^ 2, sprintf("%.4g and %.4g, standard error of the difference %.2g", b, f, se))
}
