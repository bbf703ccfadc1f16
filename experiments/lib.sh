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

# mnist_training: where data/fetch puts the 60,000 training images.
mnist_training() {
  echo "${SCOREBOOK_DATA:-${XDG_DATA_HOME:-$HOME/.local/share}/scorebook}/mnist/train-images-idx3-ubyte"
}

# The learning rate falls in stages, RATE:STEPS up to which it holds. mnist-ncsn-report is the report's own network and
# training (Section 2.3.3), which no experiment waits for: about a day on two cores. What is not printed (warm-up, bound on
# gradients, average of the weights) it does without, but for the batch. [dsm2ddpm.set-ncsn-train]
train() {
  name=$1 to=$2 adam='--rate=1e-3 --warmup=500 --ema=0.999'
  network='unet image=1x28x28 channels=24 multipliers=1,2,2 attention=7'
  mkdir -p "${to%/*}"
  set -- --process='ddpm levels=1000 beta_min=0.1 beta_max=20'
  case $name in
    mnist-ddpm) stages='1e-3:7500 3e-4:9000 1.5e-4:12000' ;;
    mnist-ddpm-early) stages='1e-3:3000' ;;
    mnist-smld)
      stages='1e-3:7500 5e-4:11000 1.5e-4:14000'
      set -- --process='smld levels=1000 sigma_min=0.01 sigma_max=17' --prediction=mixed --label=log-noise ;;
    mnist-ncsn)
      stages='1e-3:7500 3e-4:10000'
      set -- --process='smld levels=10 sigma_min=0.01 sigma_max=1' --prediction=epsilon --label=log-noise ;;
    mnist-ncsn-report)
      stages='2e-5:10000' adam='--rate=2e-5 --warmup=0 --clip=0 --ema=0'
      network='unet image=1x28x28 channels=64 multipliers=1,2,4 blocks=2 attention=28'
      set -- --process='smld levels=10 sigma_min=0.01 sigma_max=1' --prediction=epsilon --label=log-noise ;;
    *) echo "no recipe for $name" >&2; return 1 ;;
  esac
  # shellcheck disable=SC2086
  [ -s "$to.training" ] ||
    "$SCOREBOOK" train --data="$(mnist_training)" "$@" --batch=64 $adam --network="$network" --steps=1 \
      --output="$to.training" --quiet
  for stage in $stages
  do
    "$SCOREBOOK" train --resume="$to.training" --rate="${stage%:*}" --steps="${stage#*:}" --curve="$to.csv" --quiet
  done
  "$SCOREBOOK" train --resume="$to.training" --steps=1 --export="$to.safetensors" --quiet
}
