# The experiments: a script per table or figure, a driver in C where there is one, and what runs and shows them.
# experiments/list names them in the order of the page.

experiments_run = %D%/scoresde/digits %D%/scoresde/fig1 %D%/scoresde/tab1 %D%/scoresde/fig5 \
  %D%/scoresde/denoiser %D%/scoresde/samples %D%/scoresde/tab1-images %D%/scoresde/tab4 %D%/scoresde/tab5 \
  %D%/scoresde/fig9 %D%/scoresde/fig9-images %D%/scoresde/fig2 %D%/scoresde/tab2 %D%/scoresde/fig3 %D%/scoresde/fig6 %D%/scoresde/fig7 \
  %D%/scoresde/euler %D%/scoresde/tab3 %D%/scoresde/fig10 %D%/scoresde/fig11 %D%/scoresde/fig12 \
  %D%/scoresde/fig4 %D%/scoresde/fig13 %D%/scoresde/fig14 %D%/scoresde/fig16 \
  %D%/dsm2ddpm/fig1a %D%/dsm2ddpm/fig1b %D%/dsm2ddpm/fig2 %D%/dsm2ddpm/fig3 %D%/dsm2ddpm/fig4 \
  %D%/dsm2ddpm/learned %D%/dsm2ddpm/fig5 %D%/dsm2ddpm/fig6 %D%/dsm2ddpm/vlb %D%/dsm2ddpm/fig7 %D%/dsm2ddpm/fig8 %D%/speed/run %D%/speed/bf16
experiments_shown = %D%/scoresde/digits.md %D%/scoresde/fig1.md %D%/scoresde/tab1.md %D%/scoresde/fig5.md \
  %D%/scoresde/denoiser.md %D%/scoresde/samples.md %D%/scoresde/tab1-images.md %D%/scoresde/tab4.md \
  %D%/scoresde/tab5.md %D%/scoresde/fig9.md %D%/scoresde/fig9-images.md %D%/scoresde/fig2.md %D%/scoresde/tab2.md %D%/scoresde/fig3.md %D%/scoresde/fig6.md %D%/scoresde/fig7.md \
  %D%/scoresde/euler.md %D%/scoresde/tab3.md %D%/scoresde/fig10.md %D%/scoresde/fig11.md %D%/scoresde/fig12.md \
  %D%/scoresde/fig4.md %D%/scoresde/fig13.md %D%/scoresde/fig14.md %D%/scoresde/fig16.md \
  %D%/dsm2ddpm/fig1a.md %D%/dsm2ddpm/fig1b.md %D%/dsm2ddpm/fig2.md %D%/dsm2ddpm/fig3.md \
  %D%/dsm2ddpm/fig4.md %D%/dsm2ddpm/learned.md %D%/dsm2ddpm/fig5.md %D%/dsm2ddpm/fig6.md %D%/dsm2ddpm/vlb.md \
  %D%/dsm2ddpm/fig7.md %D%/dsm2ddpm/fig8.md %D%/speed/run.md %D%/speed/bf16.md
experiments_run += %D%/soft/fig8 %D%/soft/levels %D%/soft/mismatch %D%/soft/sweep %D%/soft/naive %D%/soft/masks %D%/soft/exact %D%/soft/compute %D%/soft/tab1 %D%/soft/tab1-faces \
  %D%/soft/samplers %D%/soft/ablations %D%/soft/fig1 %D%/soft/copies
experiments_shown += %D%/soft/fig8.md %D%/soft/levels.md %D%/soft/mismatch.md %D%/soft/sweep.md %D%/soft/naive.md %D%/soft/masks.md %D%/soft/exact.md %D%/soft/compute.md \
  %D%/soft/tab1.md %D%/soft/tab1-faces.md %D%/soft/samplers.md %D%/soft/ablations.md %D%/soft/fig1.md %D%/soft/copies.md
experiments_run += %D%/consistent/theory %D%/consistent/map %D%/consistent/plane %D%/consistent/tab1 %D%/consistent/tab2 %D%/consistent/fig1 %D%/consistent/fig2 %D%/consistent/fig4 %D%/consistent/fig6
experiments_shown += %D%/consistent/theory.md %D%/consistent/map.md %D%/consistent/plane.md %D%/consistent/tab1.md %D%/consistent/tab2.md %D%/consistent/fig1.md %D%/consistent/fig2.md \
  %D%/consistent/fig4.md %D%/consistent/fig6.md
experiments_run += %D%/nonuniform/tab1-exact %D%/nonuniform/tab1 %D%/nonuniform/tab2 %D%/nonuniform/tab3-exact %D%/nonuniform/tab3 \
  %D%/nonuniform/fig2 %D%/nonuniform/fig4 %D%/nonuniform/fig5 %D%/nonuniform/fig6
experiments_shown += %D%/nonuniform/tab1-exact.md %D%/nonuniform/tab1.md %D%/nonuniform/tab2.md %D%/nonuniform/tab3-exact.md \
  %D%/nonuniform/tab3.md %D%/nonuniform/fig2.md %D%/nonuniform/fig4.md %D%/nonuniform/fig5.md %D%/nonuniform/fig6.md
EXTRA_DIST += %D%/render %D%/page.css %D%/table.awk %D%/published.awk %D%/claims.awk $(experiments_shown)

# They are installed as they lie here: scripts and drivers in one folder, what both read beside them.
nobase_dist_pkglibexec_SCRIPTS = %D%/run $(experiments_run) %D%/nonuniform/all %D%/consistent/all %D%/soft/all %D%/scoresde/all %D%/dsm2ddpm/all %D%/speed/all
$(experiments_run): ; # or make's own rules make a script NAME of a NAME.c that is newer
experimentsexecdir = $(pkglibexecdir)
nobase_dist_experimentsexec_DATA = %D%/list %D%/lib.sh %D%/style.gnuplot %D%/scoresde/line.gnuplot %D%/consistent/property.gnuplot %D%/csv.awk %D%/form.awk %D%/show.awk \
  %D%/cells.awk %D%/scoresde/tab1-images.awk %D%/scoresde/fig9-images.awk %D%/scoresde/plane.json %D%/speed/bf16.awk %D%/speed/sides.sh %D%/speed/rounds.py %D%/speed/unet.py \
  %D%/speed/mixture.py %D%/speed/points.py %D%/speed/soft.py %D%/speed/likelihood.py %D%/speed/guided.py %D%/speed/nonuniform.py
nobase_pkglibexec_PROGRAMS =

experiments_common = %D%/results.c %D%/results.h %D%/mixture.c %D%/mixture.h
experiments_images = %D%/images.c %D%/images.h %D%/jackknife.c %D%/jackknife.h
experiments_faces = %D%/faces.c %D%/faces.h $(experiments_images)
experiments_spectrum = %D%/scoresde/spectrum.c %D%/scoresde/spectrum.h tests/recursion.c tests/recursion.h $(experiments_common)
experiments_on_a_line = %D%/scoresde/on_a_line.c %D%/scoresde/on_a_line.h $(experiments_common)
experiments_strips = %D%/scoresde/strips.c %D%/scoresde/strips.h $(experiments_images) $(experiments_common)
experiments_completions = %D%/scoresde/completions.c %D%/scoresde/completions.h $(experiments_faces) $(experiments_common)
experiments_expected = %D%/soft/expected.c %D%/soft/expected.h
experiments_two_gaussians = %D%/dsm2ddpm/two_gaussians.c %D%/dsm2ddpm/two_gaussians.h $(experiments_common)
experiments_judge = %D%/judge.c %D%/judge.h $(experiments_images)
nobase_pkglibexec_PROGRAMS += %D%/scoresde/digits-driver %D%/scoresde/fig1-driver %D%/scoresde/tab1-driver \
  %D%/scoresde/fig5-driver %D%/scoresde/denoiser-driver %D%/scoresde/samples-driver
%C%_scoresde_digits_driver_SOURCES = %D%/scoresde/digits.c $(experiments_images) $(experiments_common)
%C%_scoresde_digits_driver_LDADD = libscorebook-core.la
%C%_scoresde_fig1_driver_SOURCES = %D%/scoresde/fig1.c $(experiments_on_a_line)
%C%_scoresde_fig1_driver_LDADD = libscorebook-core.la
%C%_scoresde_tab1_driver_SOURCES = %D%/scoresde/tab1.c $(experiments_spectrum)
%C%_scoresde_tab1_driver_LDADD = libscorebook-core.la
%C%_scoresde_fig5_driver_SOURCES = %D%/scoresde/fig5.c $(experiments_common)
%C%_scoresde_fig5_driver_LDADD = libscorebook-core.la
%C%_scoresde_denoiser_driver_SOURCES = %D%/scoresde/denoiser.c $(experiments_images) $(experiments_common)
%C%_scoresde_denoiser_driver_LDADD = libscorebook-core.la
%C%_scoresde_samples_driver_SOURCES = %D%/scoresde/samples.c $(experiments_judge) $(experiments_common)
%C%_scoresde_samples_driver_LDADD = libscorebook-core.la
nobase_pkglibexec_PROGRAMS += %D%/scoresde/fig2-driver %D%/scoresde/tab2-driver
nobase_pkglibexec_PROGRAMS += %D%/scoresde/fig3-driver %D%/scoresde/fig6-driver %D%/scoresde/fig7-driver
%C%_scoresde_fig7_driver_SOURCES = %D%/scoresde/fig7.c $(experiments_images) $(experiments_common)
%C%_scoresde_fig7_driver_LDADD = libscorebook-core.la
%C%_scoresde_fig3_driver_SOURCES = %D%/scoresde/fig3.c $(experiments_strips) %D%/scoresde/on_a_line.c %D%/scoresde/on_a_line.h \
  %D%/judge.c %D%/judge.h
%C%_scoresde_fig3_driver_LDADD = libscorebook-core.la
%C%_scoresde_fig6_driver_SOURCES = %D%/scoresde/fig6.c $(experiments_strips)
%C%_scoresde_fig6_driver_LDADD = libscorebook-core.la
%C%_scoresde_tab2_driver_SOURCES = %D%/scoresde/tab2.c $(experiments_judge) $(experiments_common)
%C%_scoresde_tab2_driver_LDADD = libscorebook-core.la
%C%_scoresde_fig2_driver_SOURCES = %D%/scoresde/fig2.c $(experiments_on_a_line)
%C%_scoresde_fig2_driver_LDADD = libscorebook-core.la
nobase_pkglibexec_PROGRAMS += %D%/scoresde/fig4-driver
%C%_scoresde_fig4_driver_SOURCES = %D%/scoresde/fig4.c %D%/scoresde/on_a_line.c %D%/scoresde/on_a_line.h $(experiments_judge) \
  $(experiments_common)
%C%_scoresde_fig4_driver_LDADD = libscorebook-core.la
nobase_pkglibexec_PROGRAMS += %D%/scoresde/fig13-driver
%C%_scoresde_fig13_driver_SOURCES = %D%/scoresde/fig13.c $(experiments_judge) $(experiments_common)
%C%_scoresde_fig13_driver_LDADD = libscorebook-core.la
nobase_pkglibexec_PROGRAMS += %D%/scoresde/fig14-driver
%C%_scoresde_fig14_driver_SOURCES = %D%/scoresde/fig14.c $(experiments_completions)
%C%_scoresde_fig14_driver_LDADD = libscorebook-core.la
nobase_pkglibexec_PROGRAMS += %D%/scoresde/fig16-driver
%C%_scoresde_fig16_driver_SOURCES = %D%/scoresde/fig16.c $(experiments_completions)
%C%_scoresde_fig16_driver_LDADD = libscorebook-core.la
nobase_pkglibexec_PROGRAMS += %D%/scoresde/tab4-driver %D%/scoresde/tab5-driver %D%/scoresde/fig9-driver
%C%_scoresde_tab4_driver_SOURCES = %D%/scoresde/tab4.c $(experiments_spectrum)
%C%_scoresde_tab4_driver_LDADD = libscorebook-core.la
%C%_scoresde_tab5_driver_SOURCES = %D%/scoresde/tab5.c $(experiments_spectrum)
%C%_scoresde_tab5_driver_LDADD = libscorebook-core.la
%C%_scoresde_fig9_driver_SOURCES = %D%/scoresde/fig9.c $(experiments_spectrum)
%C%_scoresde_fig9_driver_LDADD = libscorebook-core.la
nobase_pkglibexec_PROGRAMS += %D%/scoresde/euler-driver
%C%_scoresde_euler_driver_SOURCES = %D%/scoresde/euler.c tests/recursion.c tests/recursion.h $(experiments_common)
%C%_scoresde_euler_driver_LDADD = libscorebook-core.la
nobase_pkglibexec_PROGRAMS += %D%/scoresde/tab3-driver
%C%_scoresde_tab3_driver_SOURCES = %D%/scoresde/tab3.c $(experiments_judge) $(experiments_common)
%C%_scoresde_tab3_driver_LDADD = libscorebook-core.la
nobase_pkglibexec_PROGRAMS += %D%/scoresde/fig10-driver
%C%_scoresde_fig10_driver_SOURCES = %D%/scoresde/fig10.c $(experiments_images) $(experiments_common)
%C%_scoresde_fig10_driver_LDADD = libscorebook-core.la
nobase_pkglibexec_PROGRAMS += %D%/scoresde/fig11-driver
%C%_scoresde_fig11_driver_SOURCES = %D%/scoresde/fig11.c $(experiments_judge) $(experiments_common)
%C%_scoresde_fig11_driver_LDADD = libscorebook-core.la
nobase_pkglibexec_PROGRAMS += %D%/scoresde/fig12-driver
%C%_scoresde_fig12_driver_SOURCES = %D%/scoresde/fig12.c $(experiments_faces) $(experiments_common)
%C%_scoresde_fig12_driver_LDADD = libscorebook-core.la
nobase_pkglibexec_PROGRAMS += %D%/dsm2ddpm/fig1a-driver %D%/dsm2ddpm/fig1b-driver %D%/dsm2ddpm/fig2-driver \
  %D%/dsm2ddpm/fig4-driver %D%/dsm2ddpm/learned-driver
%C%_dsm2ddpm_learned_driver_SOURCES = %D%/dsm2ddpm/learned.c $(experiments_two_gaussians)
%C%_dsm2ddpm_learned_driver_LDADD = libscorebook-core.la
%C%_dsm2ddpm_fig1a_driver_SOURCES = %D%/dsm2ddpm/fig1a.c $(experiments_common)
%C%_dsm2ddpm_fig1a_driver_LDADD = libscorebook-core.la
%C%_dsm2ddpm_fig1b_driver_SOURCES = %D%/dsm2ddpm/fig1b.c $(experiments_two_gaussians)
%C%_dsm2ddpm_fig1b_driver_LDADD = libscorebook-core.la
%C%_dsm2ddpm_fig4_driver_SOURCES = %D%/dsm2ddpm/fig4.c $(experiments_two_gaussians)
%C%_dsm2ddpm_fig4_driver_LDADD = libscorebook-core.la
%C%_dsm2ddpm_fig2_driver_SOURCES = %D%/dsm2ddpm/fig2.c $(experiments_images) $(experiments_common)
%C%_dsm2ddpm_fig2_driver_LDADD = libscorebook-core.la

# The network of Figures 3 and 5.
experiments_ncsn = %D%/dsm2ddpm/ncsn.c %D%/dsm2ddpm/ncsn.h $(experiments_judge) $(experiments_common)
nobase_pkglibexec_PROGRAMS += %D%/dsm2ddpm/fig3-driver %D%/dsm2ddpm/fig5-driver
%C%_dsm2ddpm_fig3_driver_SOURCES = %D%/dsm2ddpm/fig3.c $(experiments_ncsn)
%C%_dsm2ddpm_fig3_driver_LDADD = libscorebook-core.la
%C%_dsm2ddpm_fig5_driver_SOURCES = %D%/dsm2ddpm/fig5.c $(experiments_ncsn)
%C%_dsm2ddpm_fig5_driver_LDADD = libscorebook-core.la

nobase_pkglibexec_PROGRAMS += %D%/dsm2ddpm/fig6-driver %D%/dsm2ddpm/vlb-driver
%C%_dsm2ddpm_fig6_driver_SOURCES = %D%/dsm2ddpm/fig6.c $(experiments_images) $(experiments_common)
%C%_dsm2ddpm_fig6_driver_LDADD = libscorebook-core.la
%C%_dsm2ddpm_vlb_driver_SOURCES = %D%/dsm2ddpm/vlb.c $(experiments_common)
%C%_dsm2ddpm_vlb_driver_LDADD = libscorebook-core.la
# Faces: the latents and moments that come with the data, and the figures.
nobase_pkglibexec_PROGRAMS += %D%/dsm2ddpm/latents-driver %D%/dsm2ddpm/moments-driver %D%/dsm2ddpm/fig7-driver \
  %D%/dsm2ddpm/fig8-driver
%C%_dsm2ddpm_fig7_driver_SOURCES = %D%/dsm2ddpm/fig7.c %D%/judge.c %D%/judge.h $(experiments_faces) $(experiments_common)
%C%_dsm2ddpm_fig7_driver_LDADD = libscorebook-core.la
%C%_dsm2ddpm_fig8_driver_SOURCES = %D%/dsm2ddpm/fig8.c $(experiments_faces) $(experiments_common)
%C%_dsm2ddpm_fig8_driver_LDADD = libscorebook-core.la
%C%_dsm2ddpm_latents_driver_SOURCES = %D%/dsm2ddpm/latents.c $(experiments_faces) $(experiments_common)
%C%_dsm2ddpm_latents_driver_LDADD = libscorebook-core.la
%C%_dsm2ddpm_moments_driver_SOURCES = %D%/dsm2ddpm/moments.c $(experiments_faces) $(experiments_common)
%C%_dsm2ddpm_moments_driver_LDADD = libscorebook-core.la

# Soft Diffusion.
experiments_drawn = %D%/soft/drawn.c %D%/soft/drawn.h $(experiments_judge) $(experiments_common)
nobase_pkglibexec_PROGRAMS += %D%/soft/compute-driver
%C%_soft_compute_driver_SOURCES = %D%/soft/compute.c $(experiments_images) $(experiments_common)
%C%_soft_compute_driver_LDADD = libscorebook-core.la
nobase_pkglibexec_PROGRAMS += %D%/soft/tab1-driver %D%/soft/samplers-driver %D%/soft/ablations-driver %D%/soft/fig1-driver \
  %D%/soft/copies-driver
%C%_soft_tab1_driver_SOURCES = %D%/soft/tab1.c $(experiments_drawn)
%C%_soft_tab1_driver_LDADD = libscorebook-core.la
nobase_pkglibexec_PROGRAMS += %D%/soft/tab1-faces-driver
%C%_soft_tab1_faces_driver_SOURCES = %D%/soft/tab1-faces.c %D%/faces.c %D%/faces.h $(experiments_drawn)
%C%_soft_tab1_faces_driver_LDADD = libscorebook-core.la
%C%_soft_samplers_driver_SOURCES = %D%/soft/samplers.c $(experiments_drawn)
%C%_soft_samplers_driver_LDADD = libscorebook-core.la
%C%_soft_ablations_driver_SOURCES = %D%/soft/ablations.c $(experiments_drawn)
%C%_soft_ablations_driver_LDADD = libscorebook-core.la
%C%_soft_fig1_driver_SOURCES = %D%/soft/fig1.c $(experiments_expected) $(experiments_drawn)
%C%_soft_fig1_driver_LDADD = libscorebook-core.la
%C%_soft_copies_driver_SOURCES = %D%/soft/copies.c %D%/faces.c %D%/faces.h $(experiments_drawn)
%C%_soft_copies_driver_LDADD = libscorebook-core.la
# Soft Diffusion: samplers of Gaussian fields without Monte Carlo.
experiments_modes = tests/modes.c tests/modes.h tests/field.c tests/field.h $(experiments_common)
nobase_pkglibexec_PROGRAMS += %D%/soft/mismatch-driver %D%/soft/sweep-driver %D%/soft/naive-driver %D%/soft/masks-driver \
  %D%/soft/exact-driver
%C%_soft_mismatch_driver_SOURCES = %D%/soft/mismatch.c $(experiments_common)
%C%_soft_mismatch_driver_LDADD = libscorebook-core.la
%C%_soft_sweep_driver_SOURCES = %D%/soft/sweep.c $(experiments_modes)
%C%_soft_sweep_driver_LDADD = libscorebook-core.la
%C%_soft_naive_driver_SOURCES = %D%/soft/naive.c $(experiments_modes)
%C%_soft_naive_driver_LDADD = libscorebook-core.la
%C%_soft_masks_driver_SOURCES = %D%/soft/masks.c $(experiments_common)
%C%_soft_masks_driver_LDADD = libscorebook-core.la
%C%_soft_exact_driver_SOURCES = %D%/soft/exact.c $(experiments_expected) $(experiments_images) $(experiments_common)
%C%_soft_exact_driver_LDADD = libscorebook-core.la
nobase_pkglibexec_PROGRAMS += %D%/soft/fig8-driver %D%/soft/levels-driver
%C%_soft_fig8_driver_SOURCES = %D%/soft/fig8.c tests/field.c tests/field.h $(experiments_faces) $(experiments_common)
%C%_soft_fig8_driver_LDADD = libscorebook-core.la
%C%_soft_levels_driver_SOURCES = %D%/soft/levels.c $(experiments_modes)
%C%_soft_levels_driver_LDADD = libscorebook-core.la

# The benchmark's sides: rounds.c is theirs in common.
experiments_speed_common = %D%/speed/rounds.c %D%/speed/rounds.h $(experiments_common)
nobase_pkglibexec_PROGRAMS += %D%/speed/unet-driver %D%/speed/exact-driver %D%/speed/gemm-driver
nobase_pkglibexec_PROGRAMS += %D%/speed/soft-driver %D%/speed/likelihood-driver %D%/speed/guided-driver \
  %D%/speed/nonuniform-driver
%C%_speed_nonuniform_driver_SOURCES = %D%/speed/nonuniform.c $(experiments_speed_common)
%C%_speed_nonuniform_driver_LDADD = libscorebook-core.la
%C%_speed_likelihood_driver_SOURCES = %D%/speed/likelihood.c $(experiments_speed_common)
%C%_speed_likelihood_driver_LDADD = libscorebook-core.la
%C%_speed_guided_driver_SOURCES = %D%/speed/guided.c $(experiments_speed_common)
%C%_speed_guided_driver_LDADD = libscorebook-core.la
%C%_speed_soft_driver_SOURCES = %D%/speed/soft.c $(experiments_speed_common)
%C%_speed_soft_driver_LDADD = libscorebook-core.la
%C%_speed_unet_driver_SOURCES = %D%/speed/unet.c $(experiments_speed_common)
%C%_speed_unet_driver_LDADD = libscorebook-core.la
%C%_speed_exact_driver_SOURCES = %D%/speed/exact.c $(experiments_speed_common)
%C%_speed_exact_driver_LDADD = libscorebook-core.la
%C%_speed_gemm_driver_SOURCES = %D%/speed/gemm.c $(experiments_speed_common)
%C%_speed_gemm_driver_LDADD = libscorebook-core.la
dist_check_SCRIPTS += %D%/test_smoke %D%/test_jobs

# make reproduce [SCALE=quick|full] [SEED=N] [PAPER=scoresde] [JOBS=N]: results/index.html
SCALE = quick
SEED = 1
PAPER =
JOBS =
reproduce: all
	@list=`awk -F / -v paper='$(PAPER)' 'paper == "" || paper == $$1' '$(top_srcdir)/experiments/list'`; \
	test -n "$$list" || { echo "make reproduce: no experiments of '$(PAPER)'" >&2; exit 2; }; status=0; \
	SCOREBOOK_BUILD='$(abs_top_builddir)'; GNUPLOT='$(GNUPLOT)'; PANDOC='$(PANDOC)'; VERSION='$(VERSION)'; \
	export SCOREBOOK_BUILD GNUPLOT PANDOC VERSION; \
	$(SHELL) '$(top_srcdir)/experiments/run' --brief --report $(JOBS:%=--jobs=%) --scale='$(SCALE)' --seed='$(SEED)' --output=results \
	  $$list || status=$$?; \
	echo "The report: $(abs_top_builddir)/results/index.html"; exit $$status
.PHONY: reproduce

clean-local: clean-results
clean-results:
	rm -rf results
.PHONY: clean-results
experiments_drawn_edm = %D%/consistent/drawn_edm.c %D%/consistent/drawn_edm.h $(experiments_drawn)
experiments_small_training = %D%/consistent/small_training.c %D%/consistent/small_training.h $(experiments_common)
nobase_pkglibexec_PROGRAMS += %D%/consistent/plane-driver
%C%_consistent_plane_driver_SOURCES = %D%/consistent/plane.c $(experiments_small_training)
%C%_consistent_plane_driver_LDADD = libscorebook-core.la
nobase_pkglibexec_PROGRAMS += %D%/consistent/map-driver %D%/consistent/tab1-driver %D%/consistent/tab2-driver %D%/consistent/property-driver \
  %D%/consistent/pictures-driver %D%/consistent/theory-driver
%C%_consistent_theory_driver_SOURCES = %D%/consistent/theory.c $(experiments_common)
%C%_consistent_theory_driver_LDADD = libscorebook-core.la
%C%_consistent_map_driver_SOURCES = %D%/consistent/map.c $(experiments_small_training)
%C%_consistent_map_driver_LDADD = libscorebook-core.la
%C%_consistent_tab1_driver_SOURCES = %D%/consistent/tab1.c %D%/faces.c %D%/faces.h $(experiments_drawn_edm)
%C%_consistent_tab1_driver_LDADD = libscorebook-core.la
%C%_consistent_tab2_driver_SOURCES = %D%/consistent/tab2.c $(experiments_drawn_edm)
%C%_consistent_tab2_driver_LDADD = libscorebook-core.la
%C%_consistent_property_driver_SOURCES = %D%/consistent/property.c %D%/faces.c %D%/faces.h $(experiments_drawn_edm)
%C%_consistent_property_driver_LDADD = libscorebook-core.la
%C%_consistent_pictures_driver_SOURCES = %D%/consistent/pictures.c %D%/faces.c %D%/faces.h $(experiments_drawn_edm)
%C%_consistent_pictures_driver_LDADD = libscorebook-core.la
experiments_gaussian_field = %D%/nonuniform/gaussian_field.c %D%/nonuniform/gaussian_field.h $(experiments_common)
nobase_pkglibexec_PROGRAMS += %D%/nonuniform/tab1-exact-driver %D%/nonuniform/tab3-exact-driver %D%/nonuniform/fig2-driver
%C%_nonuniform_tab1_exact_driver_SOURCES = %D%/nonuniform/tab1-exact.c $(experiments_gaussian_field)
%C%_nonuniform_tab1_exact_driver_LDADD = libscorebook-core.la
%C%_nonuniform_tab3_exact_driver_SOURCES = %D%/nonuniform/tab3-exact.c $(experiments_gaussian_field)
%C%_nonuniform_tab3_exact_driver_LDADD = libscorebook-core.la
%C%_nonuniform_fig2_driver_SOURCES = %D%/nonuniform/fig2.c $(experiments_gaussian_field)
%C%_nonuniform_fig2_driver_LDADD = libscorebook-core.la
nobase_pkglibexec_PROGRAMS += %D%/nonuniform/scales-driver
%C%_nonuniform_scales_driver_SOURCES = %D%/nonuniform/scales.c %D%/faces.c %D%/faces.h $(experiments_drawn)
%C%_nonuniform_scales_driver_LDADD = libscorebook-core.la
nobase_pkglibexec_PROGRAMS += %D%/nonuniform/conditional-driver
%C%_nonuniform_conditional_driver_SOURCES = %D%/nonuniform/conditional.c %D%/faces.c %D%/faces.h $(experiments_drawn)
%C%_nonuniform_conditional_driver_LDADD = libscorebook-core.la
nobase_pkglibexec_PROGRAMS += %D%/nonuniform/shoes-driver
%C%_nonuniform_shoes_driver_SOURCES = %D%/nonuniform/shoes.c $(experiments_common)
%C%_nonuniform_shoes_driver_LDADD = libscorebook-core.la
