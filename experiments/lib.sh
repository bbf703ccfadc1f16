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

train() {
  mkdir -p "${2%/*}"
  home=${SCOREBOOK_DATA:-${XDG_DATA_HOME:-$HOME/.local/share}/scorebook}
  if [ -s "$2.training" ]; then
    "$SCOREBOOK" train --resume="$2.training" --export="$2.safetensors" --curve="$2.csv" --quiet
    return
  fi
  unet='unet image=1x28x28 channels=24 multipliers=1,2,2 attention=7'
  case $1 in
    mnist-ddpm) set -- "$@" --process='ddpm levels=1000 beta_min=0.1 beta_max=20' --steps=8000 ;;
    mnist-ddpm-early) set -- "$@" --process='ddpm levels=1000 beta_min=0.1 beta_max=20' --steps=2000 ;;
    mnist-smld)
      set -- "$@" --process='smld levels=1000 sigma_min=0.01 sigma_max=17' --prediction=mixed --label=log-noise --steps=8000 ;;
    *) echo "no recipe for $1" >&2; return 1 ;;
  esac
  to=$2
  shift 2
  "$SCOREBOOK" train --data="$home/mnist/train-images-idx3-ubyte" --network="$unet" --batch=64 --rate=1e-3 --warmup=500 \
    --ema=0.999 "$@" --output="$to.training" --export="$to.safetensors" --curve="$to.csv" --quiet
}
