// # Processes to test everything under
//
// Ours are Ornstein-Uhlenbeck processes, $dx = -r\,x\,dt + \sqrt{2rv}\,dw$, with an $r$ and a $v$ for each part: an SDE
// for each coordinate, or for each frequency of a cosine transform.

#include "worlds.h"

#include <math.h>
#include <string.h>

enum
{
  MOST = 8
};

typedef struct
{
  double r[MOST], v[MOST]; // r infinite: a mask, nothing is left of x; v 0: the part stands still
  size_t parts;
  sb_operator *W;
} own;

static double
number (const own *o, size_t k, sb_process_map map, double s, double t)
{
  const double r = o->r[k], v = o->v[k], age = t > s ? r * (t - s) : 0, a = exp (-age),
               sd = sqrt (-v * expm1 (-2 * age));
  switch (map)
    {
    case SB_A:
      return a;
    case SB_S:
      return sd;
    case SB_F:
      return -r;
    case SB_G:
      return sqrt (2 * r * v);
    case SB_A_RATE:
      return -r * a;
    default:
      return v == 0 ? 0 : v * r * a * a / sd;
    }
}

static int
numbers (const void *state, sb_process_map map, double s, double t, double *c)
{
  const own *o = state;
  const double from = map == SB_A || map == SB_S ? s : 0;
  for (size_t k = 0; k < o->parts; k++)
    if (map != SB_A && map != SB_S && isinf (o->r[k]))
      return GSL_EUNSUP;
    else
      c[k] = number (o, k, map, from, t);
  return GSL_SUCCESS;
}

static int
prior_sd (const void *state, double *sd)
{
  const own *o = state;
  for (size_t k = 0; k < o->parts; k++)
    sd[k] = sqrt (o->v[k]);
  return GSL_SUCCESS;
}

// The same by `apply`, which says nothing of a basis.

static int
apply (const void *state, sb_process_map map, CBLAS_TRANSPOSE_t transpose, const gsl_vector *s, const gsl_vector *t,
       gsl_matrix *x)
{
  const own *o = state;
  const bool inverse = map == SB_A_INVERSE || map == SB_S_INVERSE;
  const sb_process_map of = map == SB_A_INVERSE ? SB_A : map == SB_S_INVERSE ? SB_S : map;
  gsl_matrix *y = gsl_matrix_alloc (x->size1, x->size2);
  int status = y ? sb_operator_apply (o->W, CblasNoTrans, NULL, x, y) : GSL_ENOMEM;
  (void)transpose; // symmetric
  for (size_t i = 0; i < x->size1 && !status; i++)
    for (size_t k = 0; k < x->size2; k++)
      {
        double c = number (o, k, of, s ? gsl_vector_get (s, i) : 0, gsl_vector_get (t, i));
        gsl_matrix_set (y, i, k, gsl_matrix_get (y, i, k) * (inverse ? 1 / c : c));
      }
  if (!status)
    status = sb_operator_apply (o->W, CblasTrans, NULL, y, x);
  gsl_matrix_free (y);
  return status;
}

static int
log_det (const void *state, const gsl_vector *s, const gsl_vector *t, gsl_vector *log_det)
{
  const own *o = state;
  gsl_vector_set_zero (log_det);
  for (size_t i = 0; i < t->size; i++)
    for (size_t k = 0; k < o->parts; k++)
      *gsl_vector_ptr (log_det, i) += log (number (o, k, SB_S, s ? gsl_vector_get (s, i) : 0, gsl_vector_get (t, i)));
  return GSL_SUCCESS;
}

static void
release (void *state)
{
  own *o = state;
  sb_operator_free (o->W);
  free (o);
}

static const sb_process_type by_numbers = { .name = "own", .numbers = numbers, .prior_sd = prior_sd, .free = release };
static const sb_process_type by_maps
    = { .name = "own, by its maps", .apply = apply, .log_det = log_det, .free = release };

static sb_process *
make (const sb_process_type *type, const own *numbers, size_t dimension)
{
  own *o = malloc (sizeof *o);
  if (!o)
    return NULL;
  *o = *numbers;
  sb_process *p = sb_process_alloc (type, o, dimension, 1e-3, 1, 0);
  if (p)
    {
      p->t_limit = 2;
      p->parts = type->numbers ? o->parts : 0;
      p->basis = type->numbers ? o->W : NULL;
    }
  return p;
}

static own
frequencies (void)
{
  own o = { .parts = MOST, .W = sb_operator_cosine_alloc (1, MOST, 1) };
  for (size_t k = 0; k < MOST; k++)
    {
      o.r[k] = 0.3 + 0.1 * (double)(k * k);
      o.v[k] = 1 + 0.1 * (double)k;
    }
  return o;
}

// ## The list

static const size_t groups[] = { 1, 0, 1 };

static const struct
{
  const char *name;
  unsigned lacks;
  const sb_process_type *type;
  own numbers;
  size_t dimension;
  const size_t *part;
} owns[] = {
  { "own, a part per coordinate", 0, &by_numbers, { { 0.5, 2, 5 }, { 1, 0.5, 2 }, 3, NULL }, 3, NULL },
  { "own, two groups of coordinates", 0, &by_numbers, { { 0.5, 2 }, { 1, 0.5 }, 2, NULL }, 3, groups },
  { "own, a coordinate stands still", NO_S_INVERSE, &by_numbers, { { 0.5, 0.7, 2 }, { 1, 0, 0.5 }, 3, NULL }, 3, NULL },
  { "own, a coordinate is masked",
    NO_A_INVERSE | NO_SDE,
    &by_numbers,
    { { INFINITY, 0.5, 2 }, { 1, 1, 0.5 }, 3, NULL },
    3,
    NULL },
  { "own, diagonal in a cosine basis", 0, &by_numbers, { .parts = MOST }, MOST, NULL },
  { "the same by its maps", NO_PARTS, &by_maps, { .parts = MOST }, MOST, NULL },
};

static bool
own_world (size_t k, world *w)
{
  if (k >= sizeof owns / sizeof *owns)
    return false;
  const own numbers = owns[k].dimension == MOST ? frequencies () : owns[k].numbers;
  *w = (world){ owns[k].name, owns[k].lacks | MANY_PARTS, .s = 0.3, .t = 0.6 };
  w->process = scoped (make (owns[k].type, &numbers, owns[k].dimension));
  w->process->part = owns[k].part;
  return true;
}

// All processes of the list but one: a soft corruption, the last of them, has no kernel between two positive times.

bool
world_of (size_t k, world *w)
{
  size_t rows = 0;
  while (strcmp (sb_processes (rows)->name, "soft") != 0)
    rows++;
  if (k >= rows)
    return own_world (k - rows, w);
  const char *name = sb_processes (k)->name;
  *w = (world){ .name = name, .s = 0.3, .t = 0.6, .process = scoped (sb_process_from_text (name, 3, NULL)) };
  w->lacks = w->process->levels ? NO_SDE : 0;
  return true;
}

gsl_matrix *
mapped (const world *w, sb_process_map map, CBLAS_TRANSPOSE_t transpose, double s, double t, const gsl_matrix *x)
{
  gsl_matrix *y = copy_of (x);
  ok (sb_process_apply (w->process, map, transpose, vector_all (x->size1, s), vector_all (x->size1, t), y),
      "%s, map %d", w->name, (int)map);
  return y;
}
