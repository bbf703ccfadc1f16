check_PROGRAMS += %D%/test_alloc %D%/test_steps
%C%_test_alloc_SOURCES = %D%/test_alloc.c %D%/failing.c %D%/failing.h %D%/failing_calls.c tests/conformance/worlds.c tests/conformance/worlds.h
%C%_test_alloc_LDFLAGS = $(AM_LDFLAGS) \
  -Wl,--wrap=sb_stream_normals -Wl,--wrap=sb_stream_uniforms -Wl,--wrap=sb_check_apart -Wl,--wrap=sb_check_finite \
  -Wl,--wrap=sb_process_apply -Wl,--wrap=sb_process_apply_square -Wl,--wrap=sb_process_combine \
  -Wl,--wrap=sb_process_deviation -Wl,--wrap=sb_process_level -Wl,--wrap=sb_process_log_det \
  -Wl,--wrap=sb_process_numbers -Wl,--wrap=sb_process_prior -Wl,--wrap=sb_process_prior_log_density \
  -Wl,--wrap=sb_process_scalars -Wl,--wrap=sb_process_time -Wl,--wrap=sb_process_trace \
  -Wl,--wrap=sb_process_transition -Wl,--wrap=sb_process_transition_in_place -Wl,--wrap=sb_soft_at \
  -Wl,--wrap=sb_gaussian_prior_draw -Wl,--wrap=sb_gaussian_prior_fit -Wl,--wrap=sb_gaussian_prior_log_density \
  -Wl,--wrap=sb_operator_apply -Wl,--wrap=sb_operator_rate -Wl,--wrap=sb_operator_inverse \
  -Wl,--wrap=sb_ito_divergence -Wl,--wrap=sb_ito_flow_velocity -Wl,--wrap=sb_ito_reverse_drift \
  -Wl,--wrap=sb_tweedie -Wl,--wrap=sb_tweedie_transposed -Wl,--wrap=sb_score_evaluate -Wl,--wrap=sb_score_estimate \
  -Wl,--wrap=sb_score_check_finite -Wl,--wrap=sb_score_jvp -Wl,--wrap=sb_score_vjp -Wl,--wrap=sb_score_evaluate_vjp \
  -Wl,--wrap=sb_score_divergence -Wl,--wrap=sb_net_forward -Wl,--wrap=sb_net_backward -Wl,--wrap=sb_net_jvp \
  -Wl,--wrap=sb_net_along -Wl,--wrap=sb_net_dual_forward -Wl,--wrap=sb_net_dual_backward \
  -Wl,--wrap=sb_network_forward -Wl,--wrap=sb_network_backward -Wl,--wrap=sb_network_jvp \
  -Wl,--wrap=sb_network_dual_forward -Wl,--wrap=sb_network_dual_backward -Wl,--wrap=sb_target_evaluate \
  -Wl,--wrap=sb_target_sample -Wl,--wrap=sb_target_divergence -Wl,--wrap=sb_target_jvp \
  -Wl,--wrap=sb_target_log_density -Wl,--wrap=sb_flow_run -Wl,--wrap=sb_flow_velocity \
  -Wl,--wrap=sb_flow_velocity_given -Wl,--wrap=sb_reverse_drift -Wl,--wrap=sb_condition_draw \
  -Wl,--wrap=sb_known_impute -Wl,--wrap=sb_corrector_apply -Wl,--wrap=sb_step_apply -Wl,--wrap=sb_work_check \
  -Wl,--wrap=sb_work_deviations -Wl,--wrap=sb_work_estimate -Wl,--wrap=sb_work_denoise \
  -Wl,--wrap=sb_partial_path_take -Wl,--wrap=sb_posterior_at -Wl,--wrap=sb_posterior_mean \
  -Wl,--wrap=sb_reverse_fixed_variance -Wl,--wrap=sb_reverse_best_variance -Wl,--wrap=sb_reverse_mean \
  -Wl,--wrap=sb_reverse_variance -Wl,--wrap=sb_parts_kl -Wl,--wrap=sb_parts_log_density \
  -Wl,--wrap=sb_projection_draw -Wl,--wrap=sb_weighting_apply -Wl,--wrap=sb_objective_draw \
  -Wl,--wrap=sb_objective_draw_directions -Wl,--wrap=sb_objective_draw_points -Wl,--wrap=sb_objective_evaluate \
  -Wl,--wrap=sb_objective_find_loss -Wl,--wrap=sb_objective_square -Wl,--wrap=sb_objective_weigh \
  -Wl,--wrap=sb_objective_backward -Wl,--wrap=sb_consistency_loss -Wl,--wrap=sb_consistency_gradient \
  -Wl,--wrap=sb_vlb_term -Wl,--wrap=sb_decoder_log_mass -Wl,--wrap=sb_gaussian_kl -Wl,--wrap=sb_moments_transition \
  -Wl,--wrap=dgesdd_
%C%_test_steps_SOURCES = %D%/test_steps.c %D%/failing.c %D%/failing.h
