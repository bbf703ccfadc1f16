#ifndef SCOREBOOK_NET_NAMES_H
#define SCOREBOOK_NET_NAMES_H

// In the double build every name of net/ that a linker sees ends in _double.
#define sb_layer_input sb_layer_input_double
#define sb_layer_convolution sb_layer_convolution_double
#define sb_layer_group_norm sb_layer_group_norm_double
#define sb_layer_silu sb_layer_silu_double
#define sb_layer_add sb_layer_add_double
#define sb_layer_join sb_layer_join_double
#define sb_layer_halve sb_layer_halve_double
#define sb_layer_double sb_layer_double_double
#define sb_layer_attention sb_layer_attention_double
#define sb_layer_positional sb_layer_positional_double
#define sb_layer_fourier sb_layer_fourier_double
#define sb_net_alloc sb_net_alloc_double
#define sb_net_free sb_net_free_double
#define sb_net_input sb_net_input_double
#define sb_net_output sb_net_output_double
#define sb_net_tensors sb_net_tensors_double
#define sb_net_tensor_at sb_net_tensor_at_double
#define sb_net_initialise sb_net_initialise_double
#define sb_net_work_alloc sb_net_work_alloc_double
#define sb_net_work_free sb_net_work_free_double
#define sb_net_forward sb_net_forward_double
#define sb_net_backward sb_net_backward_double
#define sb_net_jvp sb_net_jvp_double

#endif
