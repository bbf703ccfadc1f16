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

# model NAME: the path of a network that comes with the data, without suffix: .safetensors its weights, .csv the losses of
# its training. At scale full it is trained anew, which takes hours, from what data/fetch has brought; a training that was
# interrupted goes on, and one that is done is not repeated.
model() {
  [ "$SCALE" = full ] || { echo "$DATA/models/$1"; return; }
  trained=${OUT%/*/*}/models/$1
  [ -s "$trained.safetensors" ] || train "$1" "$trained" >&2
  echo "$trained"
}

# The learning rate falls in stages, RATE:STEPS up to which it holds.
train() {
  home=${SCOREBOOK_DATA:-${XDG_DATA_HOME:-$HOME/.local/share}/scorebook} name=$1 to=$2
  mkdir -p "${to%/*}"
  set -- --process='ddpm levels=1000 beta_min=0.1 beta_max=20'
  case $name in
    mnist-ddpm) stages='1e-3:7500 3e-4:9000 1.5e-4:12000' ;;
    mnist-ddpm-early) stages='1e-3:3000' ;;
    mnist-smld)
      stages='1e-3:7500 5e-4:11000 1.5e-4:14000'
      set -- --process='smld levels=1000 sigma_min=0.01 sigma_max=17' --prediction=mixed --label=log-noise ;;
    *) echo "no recipe for $name" >&2; return 1 ;;
  esac
  [ -s "$to.training" ] ||
    "$SCOREBOOK" train --data="$home/mnist/train-images-idx3-ubyte" "$@" --batch=64 --warmup=500 --ema=0.999 --rate=1e-3 \
      --network='unet image=1x28x28 channels=24 multipliers=1,2,2 attention=7' --steps=1 --output="$to.training" --quiet
  for stage in $stages
  do
    "$SCOREBOOK" train --resume="$to.training" --rate="${stage%:*}" --steps="${stage#*:}" --curve="$to.csv" --quiet
  done
  "$SCOREBOOK" train --resume="$to.training" --steps=1 --export="$to.safetensors" --quiet
}
