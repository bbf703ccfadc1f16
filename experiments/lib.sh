# What the experiments' scripts share. A script that was not called by run hands its options to it, and run calls it.

[ -n "${EXPERIMENTS-}" ] || {
  self=$(readlink -f "$0") && folder=${self%/*}
  exec sh "${folder%/*}/run" "$@" "${folder##*/}/${self##*/}"
}

set -eu
: "${SCALE:?} ${SEED:?} ${DATA:?} ${OUT:?} ${EXPERIMENTS:?} ${BUILD:?} ${SCOREBOOK:?}"

# driver ID [ARGUMENT]...: run the C program of that experiment; it reads SCALE, SEED and OUT.
driver() {
  program=$BUILD/experiments/$1-driver
  shift
  "$program" "$@"
}

# draw [FILE]: gnuplot commands from standard input, after the common style and those of FILE; the variable `out` is
# `$OUT`. Without gnuplot there are no figures, and smoke tests draw all the same where it is.
draw() {
  [ -n "${GNUPLOT-}" ] || return 0
  { echo "out = system('printf %s \"\$OUT\"')"; cat "$EXPERIMENTS/style.gnuplot" ${1:+"$EXPERIMENTS/$1"} -; } | "$GNUPLOT"
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

# models NAME...: these networks, for a driver that looks for them in the folder MODELS. What each is of, settings that a
# paper leaves open among it, is printed into the log. [soft.txt-unspecified]
models() {
  [ "$SCALE" != full ] || {
    for name; do model "$name" >/dev/null; done
    MODELS=${OUT%/*/*}/models
  }
  export MODELS
  for name; do
    echo "network $name:"
    "$SCOREBOOK" info "${MODELS:-$DATA/models}/$name.safetensors" | sed -n '/^tensor/d; /^f/d; s/^/  /p'
  done
}

# have NAME: whether that network comes with the data, or will be trained.
have() { [ "$SCALE" = full ] || [ -s "$DATA/models/$1.safetensors" ]; }

# evaluations_of N: those of N samples in all, for the log, from what `scorebook sample` prints of one.
evaluations_of() {
  sed -n 's/^function evaluations: \([0-9.]*\).*/\1/p' | awk -v n="$1" '{ printf "function evaluations: %d\n", n * $1 }'
}

# frechet_to mnist|fashion LOW,HIGH FILE: the Frechet distance of images to the training images of that classifier.
frechet_to() {
  measured=$("$SCOREBOOK" measure --classifier="$DATA/models/$1-classifier.safetensors" \
    --moments="$DATA/models/$1-moments.safetensors" --data-range="$2" "$3") || return
  echo "$measured" | sed -n 's/^frechet: //p'
}

# ancestral MODEL N STEPS NAME SEED [OPTION]: $OUT-NAME.npy, N samples of a network.
ancestral() {
  "$SCOREBOOK" sample --model="$1.safetensors" -n "$2" --steps="$3" --seed="$5" --quiet --predictor=ancestral-lower \
    ${6:+"$6"} --output="$OUT-$4.npy"
}

# grid NAME: the path of a picture that comes with the data, of faces drawn at full length: 999 steps between the
# thousand levels, and the mean at the end. 144 faces at 32x32, for measuring, and Figure 7's 81 at 64x64. At scale full
# it is drawn anew.
grid() {
  [ "$SCALE" = full ] || { echo "$DATA/models/$1.png"; return; }
  drawn=${OUT%/*/*}/models/$1.png
  case $1 in
    faces32-grid) of=faces32-ddpm count=144 across=12 ;;
    faces64-grid) of=faces64-ddpm count=81 across=9 ;;
    *) echo "no recipe for $1" >&2; return 1 ;;
  esac
  [ -s "$drawn" ] || "$SCOREBOOK" sample --model="$(model "$of").safetensors" -n "$count" --steps=999 --seed=1 --quiet \
    --predictor=ancestral-lower --clip --columns="$across" --output="$drawn" >&2
  echo "$drawn"
}

# test_digits FIRST N FILE, noise N FILE: N of MNIST's test images, and as many of uniform noise, as IDX. Bytes of a compressed
# file are as good as noise. (N below 65,536.)
test_digits() { { idx_of "$2" && gzip -dc "$DATA/t10k-images-idx3-ubyte.gz" | tail -c +$((17 + 784 * $1)) | head -c $((784 * $2)); } >"$3"; }
noise() { { idx_of "$1" && tail -c +1000 "$DATA/t10k-images-idx3-ubyte.gz" | head -c $((784 * $1)); } >"$2"; }
idx_of() { printf '\0\0\010\003\0\0%b\0\0\0\034\0\0\0\034' "$(printf '\\0%o\\0%o' $(($1 / 256)) $(($1 % 256)))"; }

# fetched FILE: the path of what data/fetch brings.
fetched() { echo "${SCOREBOOK_DATA:-${XDG_DATA_HOME:-$HOME/.local/share}/scorebook}/$1"; }

# latents FOLDER: the autoencoder of faces at 64x64, faces-code.safetensors, and the latents, faces-latents.npy.
latents() {
  [ -s "$1/faces-latents.npy" ] || "$BUILD/experiments/dsm2ddpm/latents-driver" encode \
    "$(fetched faces/faces-64-20000-idx4-ubyte)" "$1/faces-code.safetensors" "$1/faces-latents.npy"
}

# shoes FILE: the sandals, sneakers and ankle boots among Fashion-MNIST's training images.
shoes() {
  [ -s "$1" ] || "$BUILD/experiments/nonuniform/shoes-driver" "$(fetched fashion/train-images-idx3-ubyte.gz)" \
    "$(fetched fashion/train-labels-idx1-ubyte.gz)" "$1"
}

# `stages` lists RATE:LAST pairs, the learning rate up to step LAST. mnist-ncsn-report, faces64-report and
# faces-latent-report are the networks of the report's Section 2.3.3 and Appendix B as printed: 64 channels that double
# twice, attention at the highest resolution, 10,000 and 100,000 iterations. No experiment waits for them: a day and
# weeks on two cores. They do without what is not printed (a warm-up, a bound on gradients, an average of the weights),
# except a batch size.
# The classifiers are those that guide samples: small, told the logarithm of the noise. [scoresde.set-classifier]
# [dsm2ddpm.set-ncsn-train] [dsm2ddpm.set-ddpm-anime] [dsm2ddpm.set-ddpm-paintings]
#
# The networks *-paper have the papers' own settings; those without a prefix soft-, edm- or cdm- are Song et al.'s. No
# experiment waits for them either, since training takes months. Of CIFAR-10 Song et al.'s see cifar/data_batch.bin, its
# five binary files put together, turned left to right at random; batches of 128, Adam at 2e-4 after 5,000 steps,
# gradients of norm 1 at most. [scoresde.set-optim] Averages are at a rate of 0.999 with VE and 0.9999 with VP.
# [scoresde.set-ema] Widths, dropout and sigma_max, which are not printed, are those of the authors' configurations.
train() {
  name=$1 to=$2 adam='--rate=1e-3 --warmup=500 --ema=0.999 --ema-warmup=none'
  mkdir -p "${to%/*}"
  data=$(fetched mnist/train-images-idx3-ubyte) network='unet image=1x28x28 channels=24 multipliers=1,2,2 attention=7'
  labels= batch=64 checkpoints=
  set -- --process='ddpm levels=1000 beta_min=0.1 beta_max=20'
  case $name in
    faces32-*) data=$(fetched faces/faces-32-50000-idx4-ubyte) ;;
    faces64-*) data=$(fetched faces/faces-64-20000-idx4-ubyte) ;;
    faces-latent*) data=${to%/*}/faces-latents.npy; latents "${to%/*}" ;;
    fashion-*) data=$(fetched fashion/train-images-idx3-ubyte.gz) ;;
    *-paper) data=$(fetched cifar/data_batch.bin) batch=128 adam='--rate=2e-4 --warmup=5000 --clip=1' ;;
  esac
  # The small networks of faces in pixels predict a blend of noise and image: dsm2ddpm/fig7.md tells why.
  case $name in faces*-ddpm) set -- "$@" --prediction=mixed ;; esac
  case $name in
    # Of mnist-ddpm and mnist-smld: the steps at which the time allowed for a stage of the shipped network ran out.
    mnist-ddpm) stages='1e-3:7366 3e-4:8930 1.5e-4:11227' ;;
    mnist-ddpm-early) stages='1e-3:3000' ;;
    mnist-smld)
      stages='1e-3:7315 5e-4:10836 1.5e-4:14295'
      set -- --process='smld levels=1000 sigma_min=0.01 sigma_max=17' --prediction=mixed --label=log-noise ;;
    faces32-ddpm)
      stages='1e-3:4000 3e-4:6000 1e-4:7000'
      network='unet image=3x32x32 channels=32 multipliers=1,2,2 attention=8' ;;
    faces64-ddpm)
      stages='1e-3:4000 3e-4:5500 1e-4:6000'
      network='unet image=3x64x64 channels=16 multipliers=1,2,4,4 attention=8' ;;
    faces-latent)
      stages='1e-3:6000 3e-4:9000'
      network='unet image=16x8x8 channels=48 multipliers=1,2 attention=8' ;;
    faces64-report)
      stages='2e-5:100000' adam='--rate=2e-5 --warmup=0 --clip=0 --ema=0 --ema-warmup=none'
      network='unet image=3x64x64 channels=64 multipliers=1,2,4 blocks=2 attention=64' ;;
    faces-latent-report)
      stages='2e-5:100000' adam='--rate=2e-5 --warmup=0 --clip=0 --ema=0 --ema-warmup=none'
      network='unet image=16x8x8 channels=64 multipliers=1,2,4 blocks=2 attention=8' ;;
    mnist-ncsn)
      stages='1e-3:3000 3e-4:4500'
      set -- --process='smld levels=10 sigma_min=0.01 sigma_max=1' --prediction=epsilon --label=log-noise ;;
    mnist-classifier-ve | fashion-classifier-ve)
      stages='2e-3:6000 5e-4:9000 1e-4:10500'
      network='cnn image=1x28x28 outputs=10 channels=24 multipliers=1,2,4 blocks=2 time=fourier scale=1'
      case $name in
        mnist-*) sigma_max=17 labels=$(fetched mnist/train-labels-idx1-ubyte) ;;
        *) sigma_max=22.5 labels=$(fetched fashion/train-labels-idx1-ubyte.gz) ;;
      esac
      set -- --process="ve sigma_min=0.01 sigma_max=$sigma_max" --label=log-noise --shift=0 ;;
    mnist-ncsn-report)
      stages='2e-5:10000' adam='--rate=2e-5 --warmup=0 --clip=0 --ema=0 --ema-warmup=none'
      network='unet image=1x28x28 channels=64 multipliers=1,2,4 blocks=2 attention=28'
      set -- --process='smld levels=10 sigma_min=0.01 sigma_max=1' --prediction=epsilon --label=log-noise ;;
    fashion-ddpm) stages='1e-3:5000 3e-4:7000 1e-4:8000' ;;
    # 22.5: the largest distance between two of Fashion-MNIST's images.
    fashion-ve)
      stages='1e-3:5000 3e-4:7000 1e-4:8000'
      set -- --process='ve sigma_min=0.01 sigma_max=22.5' --prediction=mixed --label=log-noise ;;
    fashion-vp) stages='1e-3:5000 3e-4:7000 1e-4:8000'; set -- --process=vp ;;
    fashion-subvp) stages='1e-3:5000 3e-4:7000 1e-4:8000'; set -- --process=subvp ;;
    # Table 3's architectures, 322,000 and 317,000 weights beside 344,000 of the others.
    fashion-ncsnpp)
      stages='1e-3:5000 3e-4:7000 1e-4:8000' network='ncsnpp image=1x28x28 channels=16 multipliers=1,2,2 blocks=1 attention=7'
      set -- --process='ve sigma_min=0.01 sigma_max=22.5' --prediction=mixed --label=log-noise ;;
    fashion-ddpmpp)
      stages='1e-3:5000 3e-4:7000 1e-4:8000' network='ddpmpp image=1x28x28 channels=16 multipliers=1,2,2 blocks=1 attention=7'
      set -- --process=vp ;;
    # Figure 12's, of faces at 64x64, 76 being the largest distance between two of 2,000: progressive input and output,
    # as Appendix H.3 has it. [scoresde.set-celebahq]
    faces64-ncsnpp)
      stages='1e-3:4000 3e-4:5500 1e-4:6000'
      network='ncsnpp image=3x64x64 channels=16 multipliers=1,2,4,4 blocks=1 attention=8 time=fourier'
      network="$network input=skip output=skip"
      set -- --process='ve sigma_min=0.01 sigma_max=76' --prediction=mixed --label=log-noise ;;
    # Tables 1, 4 and 5: the architecture of Ho et al., the objectives (1) and (3), 1000 noise scales; and their 800,000
    # steps, since none are printed. [scoresde.set-tab1-training]
    smld-paper | ddpm-paper)
      stages=2e-4:800000
      network='unet image=3x32x32 channels=128 multipliers=1,2,2,2 blocks=2 groups=32 attention=16'
      network="$network joins=block features=128 dropout=0.1"
      case $name in
        smld-*) adam="$adam --ema=0.999"; set -- --process='smld levels=1000 sigma_min=0.01 sigma_max=50' --flip ;;
        *) adam="$adam --ema=0.9999"; set -- "$@" --flip ;;
      esac ;;
    # Table 3: 1.3 million steps of the discrete objectives [scoresde.set-arch-explore], 4 blocks of a level ...
    ncsnpp-paper) # [scoresde.set-ncsnpp]
      stages=2e-4:1300000 adam="$adam --ema=0.999" network='ncsnpp image=3x32x32 dropout=0.1'
      set -- --process='smld levels=1000 sigma_min=0.01 sigma_max=50' --flip ;;
    ddpmpp-paper) # [scoresde.set-ddpmpp]
      stages=2e-4:1300000 adam="$adam --ema=0.9999" network='ddpmpp image=3x32x32 dropout=0.1'
      set -- "$@" --flip ;;
    # ... and 0.95 million of the continuous one, with random Fourier features of scale 16 for NCSN++; 8 blocks where it
    # is deep. [scoresde.set-cont]
    ncsnpp-cont-paper | ncsnpp-deep-paper)
      stages=2e-4:950000 adam="$adam --ema=0.999" network='ncsnpp image=3x32x32 time=fourier scale=16 dropout=0.1'
      case $name in *-deep-*) network="$network blocks=8" ;; esac
      set -- --process='ve sigma_min=0.01 sigma_max=50' --label=log-noise --flip ;;
    ddpmpp-vp-paper | ddpmpp-subvp-paper | ddpmpp-deep-vp-paper | ddpmpp-deep-subvp-paper)
      stages=2e-4:950000 adam="$adam --ema=0.9999" network='ddpmpp image=3x32x32 dropout=0.1'
      case $name in *-deep-*) network="$network blocks=8" ;; esac
      case $name in *-subvp-*) set -- --process=subvp --flip ;; *) set -- --process=vp --flip ;; esac ;;
    # Soft Diffusion's, which see images in [0, 1] and predict the residual. The knots are those of `scorebook schedule` with
    # --epsilon=0.4762 for digits, 0.5431 for clothes, 1.3595 for faces; digits and clothes have .133 as well, where a blur still is
    # the identity. *-matched has the knots of Eq. 55. [soft.set-joint] [soft.set-noiseablation]
    mnist-soft-* | mnist-window | fashion-soft | faces32-soft)
      stages='1e-3:3500 3e-4:4500 1e-4:5000'
      network='unet image=1x28x28 channels=16 multipliers=1,2,2 attention=7'
      process='soft operator=blur image=1x28x28 half=28' objective=soft
      knots=0.01,0.133451,0.380353,0.442078,0.503804,0.565529,0.627255,0.68898,0.750706,0.812431,0.935882,1.05933,1.18278
      knots=$knots,1.30624,1.42969,1.55314,1.73831,1.92349,2.17039,2.41729,2.72592,3.09627,3.52835,4.02216,4.63941,5.38012
      knots=$knots,6.24427,7.23188,8.46639,10.0095,12.1699,15.75
      case $name in
        mnist-soft-found) ;;
        mnist-soft-clean) objective=clean ;;
        mnist-soft-matched)
          knots=0.01,0.01,0.01,0.01,0.01,0.01,0.01,0.01,0.01,0.01,0.01,0.01,0.01,0.01,0.01,0.01,0.01,0.01,0.01,0.01,0.01,0.01
          knots=$knots,0.01,0.01,0.01,0.430009,0.677044,0.979521,1.39334,2.09128,3.97099,15.75 ;;
        mnist-soft-s050) process="$process sigma_max=0.05" ;;
        mnist-soft-s025) process="$process sigma_max=0.025" ;;
        mnist-soft-joint) process="$process stages=joint" ;;
        mnist-window) process='soft operator=window image=1x28x28' knots=0,1 ;;
        fashion-soft)
          stages='1e-3:5000 3e-4:7000 1e-4:8000'
          network='unet image=1x28x28 channels=24 multipliers=1,2,2 attention=7'
          knots=0.01,0.133451,0.380353,0.442078,0.503804,0.565529,0.627255,0.750706,0.874157,1.05933,1.24451,1.49141,1.73831
          knots=$knots,2.04694,2.35557,2.72592,3.09627,3.52835,3.96043,4.45424,5.00976,5.56529,6.18255,6.86153,7.60224
          knots=$knots,8.40467,8.46639,9.39227,10.4416,11.7378,13.4044,15.75 ;;
        faces32-soft)
          stages='1e-3:3000 3e-4:4000 1e-4:4500'
          network='unet image=3x32x32 channels=32 multipliers=1,2,2 attention=8'
          process='soft operator=blur image=3x32x32 half=40'
          knots=0.01,0.415529,0.460588,0.505647,0.550706,0.640824,0.730941,0.866118,1.04635,1.22659,1.40682,1.63212,1.85741
          knots=$knots,2.08271,2.35306,2.62341,2.89376,3.20918,3.52459,3.88506,4.24553,4.65106,5.10165,5.59729,6.138,6.76882
          knots=$knots,7.44471,8.21071,9.02176,9.87788,10.7791,11.5 ;;
      esac
      set -- --process="$process knots=$knots" --prediction=residual --objective=$objective ;;
    # Their VE at the same size. 17 and 38: the largest distance between two of MNIST's images, and of 2,000 faces.
    # mnist-ve-deep has twice the blocks of a resolution and another seed. [scoresde.set-ident]
    mnist-ve | mnist-ve-deep)
      stages='1e-3:3500 3e-4:4500 1e-4:5000'
      network='unet image=1x28x28 channels=16 multipliers=1,2,2 attention=7'
      set -- --process='ve sigma_min=0.01 sigma_max=17' --prediction=mixed --label=log-noise
      case $name in *-deep) network="$network blocks=2"; set -- "$@" --seed=2 ;; esac ;;
    faces32-ve)
      stages='1e-3:3000 3e-4:4000 1e-4:4500'
      network='unet image=3x32x32 channels=32 multipliers=1,2,2 attention=8'
      set -- --process='ve sigma_min=0.01 sigma_max=38' --prediction=mixed --label=log-noise ;;
    # Soft Diffusion's own: CIFAR-10, and CelebA at 64x64 as a folder of PNG files; Adam at 2e-4 after 5,000 steps, gradients of
    # norm 1 at most, batches of 128, one to two million steps, w = 1/sigma^2. [soft.set-optim] [soft.set-arch] The range of the images and
    # the rate of the average are not printed. [soft.txt-unspecified]
    soft-cifar-paper)
      stages=2e-4:2000000 adam="$adam --ema=0.999" network='ncsnpp image=3x32x32 time=fourier scale=16'
      set -- --process='soft image=3x32x32 half=32 rank=0' --prediction=residual --objective=soft ;;
    soft-celeba-paper)
      data=$(fetched celeba64) batch=128 stages=2e-4:2000000 adam='--rate=2e-4 --warmup=5000 --clip=1 --ema=0.999'
      network='ncsnpp image=3x64x64 time=fourier scale=16'
      set -- --process='soft image=3x64x64 half=80 rank=0' --prediction=residual --objective=soft ;;
    # Consistent Diffusion Models': EDM's process, parametrisation, weighting and levels, a constant rate; the same with consistency, along
    # paths of a quarter of the samples, with the weight of the released command. The checkpoints that table 1 looks at are of these
    # trainings. [consistent.set-cifar] [consistent.set-afhq] mnist-short-* are table 2's [consistent.set-ablation], faces64-more-* begin with
    # faces64-edm's weights [consistent.set-ffhq-finetune].
    mnist-edm | mnist-cdm | fashion-edm | fashion-cdm | faces32-edm | faces32-cdm | faces64-edm | mnist-short-* | faces64-more-*)
      stages=1e-3:6000 adam='--rate=1e-3 --warmup=500 --ema=0.999 --ema-warmup=images' objective=soft
      network='unet image=1x28x28 channels=16 multipliers=1,2,2 attention=7'
      case $name in
        mnist-*) network="$network classes=10" labels=$(fetched mnist/train-labels-idx1-ubyte) ;;
        faces32-*) stages=1e-3:7000 network='unet image=3x32x32 channels=16 multipliers=1,2,2 attention=8' ;;
        faces64-*) network='unet image=3x64x64 channels=16 multipliers=1,2,2,2 attention=8' ;;
      esac
      case $name in *-cdm | *-some) objective='consistency rows=0.25 lambda=20' ;; esac
      case $name in
        mnist-edm | mnist-cdm | fashion-*) stages='1e-3:900 1e-3:2100 1e-3:3000 1e-3:4500 1e-3:5400 1e-3:6000' checkpoints=6000 ;;
        faces32-edm | faces32-cdm) stages='1e-3:1050 1e-3:2450 1e-3:3500 1e-3:5250 1e-3:6300 1e-3:7000' checkpoints=7000 ;;
      esac
      set --
      case $name in
        mnist-short-*) stages=1e-3:1500 ;;
        faces64-more-*)
          stages=1e-3:200 adam='--rate=1e-3 --warmup=0 --ema=0.99 --ema-warmup=none --seed=5'
          set -- --init="$(model faces64-edm).safetensors"
          [ "$name" != faces64-more-cdm ] || objective='consistency lambda=20' ;;
      esac
      case $name in mnist-short-some | mnist-short-none) set -- --dsm-above=0.1097 ;; esac
      set -- "$@" --process=edm --prediction=mixed --label=quarter-log-noise --weighting=edm --levels=lognormal \
        --objective="$objective" ;;
    # Karras et al.'s, which the paper trains with and without consistency: 200 million images, that is 390,625 steps of CIFAR-10 (and
    # not the 200,000 that are printed, which are thousands of images), 781,250 of faces; the rate reached after 10 million, the average's half-life
    # half a million. Their geometric augmentation is not built; faces are turned left to right.
    # [consistent.set-edm-train-cifar] [consistent.set-edm-train-64] [consistent.set-edm-augment]
    edm-cifar-paper | cdm-cifar-paper)
      batch=512 stages=1e-3:390625 adam='--rate=1e-3 --ramp=1e7 --half-life=5e5 --clip=0 --clean-gradient=yes' objective=soft
      network='edm-ddpmpp image=3x32x32 dropout=0.13'
      case $name in cdm-*) objective='consistency lambda=20' ;; esac
      set -- --process=edm --prediction=mixed --label=quarter-log-noise --weighting=edm --levels=lognormal \
        --objective="$objective" --data-deviation=0.5 ;;
    edm-faces64-paper | cdm-faces64-paper)
      data=$(fetched ffhq64) batch=256 stages=2e-4:781250
      adam='--rate=2e-4 --ramp=1e7 --half-life=5e5 --clip=0 --clean-gradient=yes' objective=soft
      network='edm-ddpmpp image=3x64x64 multipliers=1,2,2,2 dropout=0.05'
      case $name in cdm-*) objective='consistency lambda=20' ;; esac
      set -- --process=edm --prediction=mixed --label=quarter-log-noise --weighting=edm --levels=lognormal \
        --objective="$objective" --data-deviation=0.5 --flip ;;
    # Non-Uniform Diffusion Models'. Tables 1 and 2: a vanilla model, and networks for the bands of two or three levels of Haar's transform
    # (mnist-plus* with twice the weights); mnist-loglinear has their schedule and no scales. Table 3: of each task the
    # estimators that are given the observation clean, as noisy as the image (55.4 and 28, the roots of the numbers of an
    # image), or less so. [nonuniform.set-vanilla] [nonuniform.set-multiscale] [nonuniform.set-cond] [nonuniform.set-train]
    mnist-vp | mnist-loglinear)
      stages='1e-3:4000 3e-4:6000' network='unet image=1x28x28 channels=24 multipliers=1,2,2 attention=7'
      case $name in mnist-vp) set -- --process=vp ;; *) set -- --process=loglinear --weighting=likelihood ;; esac
      set -- "$@" --seed=1 ;;
    mnist-bands[123] | mnist-plus[123] | faces32-bands[1234])
      case $name in
        mnist-bands1) network='image=4x14x14 channels=20 multipliers=1,2 groups=4 attention=7' ;;
        mnist-bands2) network='image=4x7x7 channels=28 multipliers=1 groups=4 attention=7' ;;
        mnist-bands3) network='image=1x7x7 channels=28 multipliers=1 groups=4 attention=7' ;;
        mnist-plus1) network='image=4x14x14 channels=32 multipliers=1,2 attention=7' ;;
        mnist-plus2) network='image=4x7x7 channels=40 multipliers=1 attention=7' ;;
        mnist-plus3) network='image=1x7x7 channels=32 multipliers=1 attention=7' ;;
        faces32-bands1) network='image=12x16x16 channels=28 multipliers=1,2 groups=4 attention=8' ;;
        faces32-bands2) network='image=12x8x8 channels=32 multipliers=1 attention=8' ;;
        faces32-bands3) network='image=12x4x4 channels=32 multipliers=1' ;;
        faces32-bands4) network='image=3x4x4 channels=28 multipliers=1 groups=4' ;;
      esac
      network="unet $network" process="bands image=1x28x28 levels=2 stage=${name##*[a-z]}" stages='1e-3:4800 3e-4:7200'
      case $name in
        mnist-plus*) stages='1e-3:4000 3e-4:6000' ;;
        faces32-*) stages='1e-3:5000 3e-4:7000' process="bands image=3x32x32 levels=3 stage=${name##*[a-z]}" ;;
      esac
      set -- --process="$process" --weighting=likelihood --seed=1 ;;
    faces32-inpaint-* | faces32-super-* | shoes-edges-*)
      stages='1e-3:3000 3e-4:4500 1e-3:9000 3e-4:12000' channels=3 side=32 attention=8 most=55.4 task=inpaint of_y=1
      case $name in
        faces32-super-*) task=super-resolve of_y=0.5 ;;
        shoes-*)
          stages='1e-3:3000 3e-4:4500' data=${to%/*}/shoes-train task=edges channels=1 side=28 attention=7 most=28
          shoes "$data" ;;
      esac
      network="unet image=$((2 * channels))x${side}x$side channels=16 multipliers=1,2,2 attention=$attention"
      process="multispeed sigma_min=0.005 sigma_max=$most"
      case $name in
        *-cde)
          network="unet image=${channels}x${side}x$side condition=$channels channels=16 multipliers=1,2,2 attention=$attention"
          process="ve sigma_min=0.005 sigma_max=$most" ;;
        *-cdiffe) process="$process sigma_max_y=$most" ;;
        *) process="$process sigma_max_y=$of_y" ;;
      esac
      set -- --task=$task --process="$process" --prediction=mixed --label=log-noise --weighting=likelihood --seed=1 ;;
    # Figure 12: CelebA-HQ, a folder of PNG files; batches of 8, 2.4 million steps. [scoresde.set-celebahq]
    celebahq-paper)
      data=$(fetched celebahq) batch=8 stages=2e-4:2400000 adam="$adam --ema=0.9999"
      network='ncsnpp image=3x1024x1024 channels=16 multipliers=1,2,4,8,16,32,32,32 blocks=1'
      network="$network time=fourier scale=16 input=skip output=skip"
      set -- --process='ve sigma_min=0.01 sigma_max=1348' --label=log-noise --flip ;;
    *) echo "no recipe for $name" >&2; return 1 ;;
  esac
  # shellcheck disable=SC2086
  [ -s "$to.training" ] ||
    "$SCOREBOOK" train --data="$data" ${labels:+"--labels=$labels"} "$@" --batch=$batch $adam \
      --network="$network" --steps=1 --output="$to.training" --quiet
  for stage in $stages
  do
    "$SCOREBOOK" train --resume="$to.training" --rate="${stage%:*}" --steps="${stage#*:}" --data="$data" \
      ${labels:+"--labels=$labels"} --curve="$to.csv" --quiet \
      ${checkpoints:+"--export=$to.$((${stage#*:} * 100 / ${checkpoints:-1})).safetensors"}
  done
  "$SCOREBOOK" train --resume="$to.training" --steps=1 --data="$data" ${labels:+"--labels=$labels"} \
    --export="$to.safetensors" --quiet
}
