# Data that come with the source, so that everything runs without a download. Licences: README.
nobase_dist_pkgdata_SCRIPTS = %D%/fetch
nobase_dist_pkgdata_DATA = %D%/README %D%/models/mnist-classifier.safetensors %D%/models/mnist-moments.safetensors \
  %D%/models/mnist-smld.safetensors %D%/models/mnist-smld.csv %D%/models/mnist-ddpm.safetensors %D%/models/mnist-ddpm.csv \
  %D%/models/mnist-ddpm-early.safetensors \
  %D%/models/faces32-means.safetensors %D%/models/faces32-filters.safetensors %D%/models/faces32-pixels.safetensors \
  %D%/models/faces64-means.safetensors %D%/models/faces64-filters.safetensors %D%/models/faces-code.safetensors \
  %D%/models/faces-latents.safetensors %D%/models/faces-latent.safetensors %D%/models/faces-latent.csv \
  %D%/models/mnist-ncsn.safetensors %D%/models/mnist-ncsn.csv %D%/models/faces32-ddpm.safetensors %D%/models/faces32-ddpm.csv \
  %D%/models/faces64-ddpm.safetensors %D%/models/faces64-ddpm.csv %D%/models/faces32-grid.png %D%/models/faces64-grid.png \
  %D%/models/fashion-vp.safetensors %D%/models/fashion-vp.csv \
  %D%/models/fashion-ve.safetensors %D%/models/fashion-ve.csv \
  %D%/models/fashion-subvp.safetensors %D%/models/fashion-subvp.csv \
  %D%/models/fashion-ncsnpp.safetensors %D%/models/fashion-ncsnpp.csv \
  %D%/models/fashion-ddpmpp.safetensors %D%/models/fashion-ddpmpp.csv \
  %D%/models/fashion-ddpm.safetensors %D%/models/fashion-ddpm.csv \
  %D%/models/fashion-soft.safetensors %D%/models/fashion-soft.csv %D%/models/mnist-ve.safetensors %D%/models/mnist-ve.csv \
  %D%/models/mnist-ve-deep.safetensors %D%/models/mnist-ve-deep.csv \
  %D%/models/mnist-soft-found.safetensors %D%/models/mnist-soft-found.csv \
  %D%/models/mnist-soft-clean.safetensors %D%/models/mnist-soft-clean.csv \
  %D%/models/mnist-soft-matched.safetensors %D%/models/mnist-soft-matched.csv \
  %D%/models/mnist-soft-s025.safetensors %D%/models/mnist-soft-s025.csv \
  %D%/models/mnist-window.safetensors %D%/models/mnist-window.csv \
  %D%/models/mnist-soft-joint.safetensors %D%/models/mnist-soft-joint.csv \
  %D%/models/mnist-soft-s050.safetensors %D%/models/mnist-soft-s050.csv \
  %D%/models/faces32-soft.safetensors %D%/models/faces32-soft.csv \
  %D%/models/faces32-ve.safetensors %D%/models/faces32-ve.csv \
  %D%/models/mnist-edm.safetensors %D%/models/mnist-edm.csv \
  %D%/models/mnist-cdm.safetensors %D%/models/mnist-cdm.csv \
  %D%/models/fashion-edm.safetensors %D%/models/fashion-edm.csv \
  %D%/models/fashion-cdm.safetensors %D%/models/fashion-cdm.csv \
  %D%/models/faces32-edm.safetensors %D%/models/faces32-edm.csv \
  %D%/models/faces32-cdm.safetensors %D%/models/faces32-cdm.csv \
  %D%/models/faces64-edm.safetensors %D%/models/faces64-edm.csv \
  %D%/models/faces64-more-edm.safetensors %D%/models/faces64-more-edm.csv \
  %D%/models/faces64-more-cdm.safetensors %D%/models/faces64-more-cdm.csv \
  %D%/models/mnist-short-edm.safetensors %D%/models/mnist-short-edm.csv \
  %D%/models/mnist-short-cdm.safetensors %D%/models/mnist-short-cdm.csv \
  %D%/models/mnist-short-some.safetensors %D%/models/mnist-short-some.csv \
  %D%/models/mnist-short-none.safetensors %D%/models/mnist-short-none.csv \
  %D%/models/mnist-vp.safetensors %D%/models/mnist-vp.csv \
  %D%/models/mnist-loglinear.safetensors %D%/models/mnist-loglinear.csv \
  %D%/models/mnist-bands1.safetensors %D%/models/mnist-bands1.csv \
  %D%/models/mnist-bands2.safetensors %D%/models/mnist-bands2.csv \
  %D%/models/mnist-bands3.safetensors %D%/models/mnist-bands3.csv \
  %D%/models/mnist-plus1.safetensors %D%/models/mnist-plus1.csv \
  %D%/models/mnist-plus2.safetensors %D%/models/mnist-plus2.csv \
  %D%/models/mnist-plus3.safetensors %D%/models/mnist-plus3.csv \
  %D%/models/faces32-bands1.safetensors %D%/models/faces32-bands1.csv \
  %D%/models/faces32-bands2.safetensors %D%/models/faces32-bands2.csv \
  %D%/models/faces32-bands3.safetensors %D%/models/faces32-bands3.csv \
  %D%/models/faces32-bands4.safetensors %D%/models/faces32-bands4.csv \
  %D%/models/faces32-inpaint-cde.safetensors %D%/models/faces32-inpaint-cde.csv \
  %D%/models/faces32-inpaint-cdiffe.safetensors %D%/models/faces32-inpaint-cdiffe.csv \
  %D%/models/faces32-inpaint-cmde.safetensors %D%/models/faces32-inpaint-cmde.csv \
  %D%/models/faces32-super-cde.safetensors %D%/models/faces32-super-cde.csv \
  %D%/models/faces32-super-cdiffe.safetensors %D%/models/faces32-super-cdiffe.csv \
  %D%/models/faces32-super-cmde.safetensors %D%/models/faces32-super-cmde.csv \
  %D%/models/shoes-edges-cde.safetensors %D%/models/shoes-edges-cde.csv \
  %D%/models/shoes-edges-cdiffe.safetensors %D%/models/shoes-edges-cdiffe.csv \
  %D%/models/shoes-edges-cmde.safetensors %D%/models/shoes-edges-cmde.csv \
  %D%/models/consistent-checkpoints.csv \
  %D%/models/mnist-classifier-ve.safetensors %D%/models/mnist-classifier-ve.csv \
  %D%/models/fashion-classifier-ve.safetensors %D%/models/fashion-classifier-ve.csv \
  %D%/models/fashion-classifier.safetensors %D%/models/fashion-moments.safetensors \
  %D%/fashion-test-images-idx3-ubyte.gz %D%/fashion-test-labels-idx1-ubyte.gz \
  %D%/faces64-test.png %D%/shoes-test.png %D%/faces.mjs %D%/t10k-images-idx3-ubyte.gz %D%/t10k-labels-idx1-ubyte.gz
