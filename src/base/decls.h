#ifndef SCOREBOOK_BASE_DECLS_H
#define SCOREBOOK_BASE_DECLS_H

// Headers are usable from C++: each wraps its declarations in these, as GSL's do.
#ifdef __cplusplus
#define SB_BEGIN_DECLS                                                                                                 \
  extern "C"                                                                                                           \
  {
#define SB_END_DECLS }
#else
#define SB_BEGIN_DECLS
#define SB_END_DECLS
#endif

#endif
