# From the trainings, precision,seed,step,loss and precision,seed,,distance, to rows on standard output, and claims:
#     awk -v seeds=LIST -v half=STEP -v claims=FILE -v same_losses=CLAIM -v same_distances=CLAIM -f bf16.awk RUNS

BEGIN { FS = "," }

$3 == "" { distance[$1, $2] = $4; next }
$3 > half { loss[$1, $2, $3] = $4; steps[$3] }

# The mean over the second half of the logarithm of two curves' ratio.
function log_ratio(a, s, b, t,    step, sum, n) {
  for (step in steps) {
    sum += log(loss[a, s, step] / loss[b, t, step])
    n++
  }
  return sum / n
}

function mean_loss(a, s,    step, sum, n) {
  for (step in steps) {
    sum += loss[a, s, step]
    n++
  }
  return sum / n
}

# Mean and standard deviation of x[1], ..., x[N].
function mean_of(x,    k, sum) {
  for (k = 1; k <= N; k++) sum += x[k]
  return sum / N
}
function deviation_of(x,    k, m, sum) {
  m = mean_of(x)
  for (k = 1; k <= N; k++) sum += (x[k] - m) ^ 2
  return sqrt(sum / (N - 1))
}

function row(name, column, value, se) { printf "\"%s\",%s,,%.4g,%s,,\n", name, column, value, se }

function claim(text, holds, detail) { printf "\"%s\",%s,\"%s\"\n", text, holds ? "yes" : "no", detail >>claims }

END {
  N = split(seeds, seed, " ")
  split("float bf16", precision, " ")
  for (k = 1; k <= N; k++) {
    for (p = 1; p <= 2; p++) {
      row("loss, seed " seed[k], precision[p], mean_loss(precision[p], seed[k]))
      row("distance, seed " seed[k], precision[p], distance[precision[p], seed[k]])
    }
    losses[k] = log_ratio("bf16", seed[k], "float", seed[k])
    of_seeds[k] = log_ratio("float", seed[k % N + 1], "float", seed[k])
    distances[k] = distance["bf16", seed[k]] - distance["float", seed[k]]
    in_float[k] = distance["float", seed[k]]
  }
  se = sprintf("%.2g", deviation_of(losses) / sqrt(N))
  row("log of the losses' ratio", "bf16 to float", mean_of(losses), se)
  claim(same_losses, mean_of(losses) ^ 2 <= 0.01 ^ 2,
    sprintf("by %.2g%% in the mean (standard error %.2g%%); another seed changes it by %.2g%%",
      100 * mean_of(losses), 100 * se, 100 * deviation_of(of_seeds) / sqrt(2)))
  se = sprintf("%.2g", deviation_of(distances) / sqrt(N))
  row("difference of the distances", "bf16 less float", mean_of(distances), se)
  claim(same_distances, mean_of(distances) ^ 2 <= (deviation_of(in_float) / 4) ^ 2,
    sprintf("by %.2g in the mean (standard error %.2g), where seeds in float32 deviate by %.2g",
      mean_of(distances), se, deviation_of(in_float)))
}
