# What the experiments' scripts share: source it with `. "$EXPERIMENTS/lib.sh"`

set -eu
: "${SCALE:?} ${SEED:?} ${DATA:?} ${OUT:?} ${EXPERIMENTS:?} ${BUILD:?} ${SCOREBOOK:?}"

# driver ID: run the C program of that experiment; it reads SCALE, SEED and OUT.
driver() { "$BUILD/experiments/$1-driver"; }

# draw: gnuplot commands from standard input, after the common style; the variable `out` is `$OUT`. Without gnuplot there
# are no figures, and smoke tests draw all the same where it is.
draw() {
  [ -n "${GNUPLOT-}" ] || return 0
  { echo "out = '$OUT'"; cat "$EXPERIMENTS/style.gnuplot" -; } | "$GNUPLOT"
}

# claim CLAIM yes|no|untested DETAIL: one more line of `$OUT.claims.csv`.
claim() { printf '"%s",%s,"%s"\n' "$1" "$2" "$3" >>"$OUT.claims.csv"; }
