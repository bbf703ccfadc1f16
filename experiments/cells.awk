# The runs of each cell, a line each, whose last field is the number and whose others name the cell. Read before a table's own file:
#     awk -v scale=$SCALE -v out=$OUT -f cells.awk -f TABLE.awk CELLS

BEGIN { FS = "," }

{
  if ($NF == "") {
    print "no distance for " $0 > "/dev/stderr"
    failed = 1
  }
  cell = $1
  for (k = 2; k < NF; k++) cell = cell SUBSEP $k
  if (!(cell in runs)) order[++cells] = cell
  runs[cell]++
  sum[cell] += $NF
  squares[cell] += $NF ^ 2
}

function mean(cell) { return sum[cell] / runs[cell] }

# The variance of that mean; with a single run nothing is known of it.
function variance(cell, n, within) {
  n = runs[cell]
  if (n < 2) return 0
  within = (squares[cell] - sum[cell] ^ 2 / n) / (n - 1)
  return within > 0 ? within / n : 0
}

function standard_error(cell) { return runs[cell] < 2 ? "" : sprintf("%.3g", sqrt(variance(cell))) }

# `holds` is 1 or 0, or a word of its own, as "untested".
function claim(text, holds, detail) {
  if (holds == 0 || holds == 1) holds = holds ? "yes" : "no"
  printf "\"%s\",%s,\"%s\"\n", text, scale == "smoke" ? "untested" : holds, detail > (out ".claims.csv")
}
