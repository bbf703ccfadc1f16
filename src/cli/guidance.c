// # What samples are conditioned on
//
// A class, some of their coordinates, their grey, a measurement: each is a term added to the score, its condition, or
// coordinates that are set between steps. [scoresde.fig4]

#include <config.h>
#include "guidance.h"
#include "point_files.h"
#include "setup.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

guidance_options
guidance_options_none (void)
{
  return (guidance_options){ .class = NO_CLASS, .weight = NAN, .noise = NAN };
}

// ## What goes together

static int
read_class (guidance_options *o)
{
  const char *text = o->class_text;
  char *end;
  if (!text)
    return -1;
  o->class = strcmp (text, "each") == 0 ? EACH_CLASS : strtoull (text, &end, 10);
  if (o->class != EACH_CLASS && (!(*text >= '0' && *text <= '9') || *end || o->class > 65535))
    return usage_error ("--class: '%s' is neither a class, from 0 to 65535, nor each", text);
  return -1;
}

static int
check_measurement (const guidance_options *o)
{
  if (!o->operator&& (o->measurement || o->matrix || !isnan (o->noise)))
    return usage_error ("--%s: needs --operator", o->measurement ? "measurement" : o->matrix ? "matrix" : "noise");
  if (o->operator&& (!o->measurement || isnan (o->noise)))
    return usage_error ("--operator: needs --%s", o->measurement ? "noise" : "measurement");
  if (o->operator&& (o->known || o->grey || o->class != NO_CLASS))
    return usage_error ("--operator: not with --%s", o->known ? "known" : o->grey ? "grey" : "class");
  return -1;
}

int
guidance_check (guidance_options *o, bool flow, const char *model)
{
  const int status = read_class (o);
  if (status >= 0)
    return status;
  if (o->class != NO_CLASS && !model && !o->classifier)
    return usage_error ("--class: only with --model or --classifier");
  if (o->classifier && o->class == NO_CLASS)
    return usage_error ("--classifier: needs --class");
  if (!isnan (o->weight) && !o->classifier)
    return usage_error ("--guidance: needs --classifier");
  if (!o->known != !o->mask)
    return usage_error ("--%s: needs --%s", o->known ? "known" : "mask", o->known ? "mask" : "known");
  if (o->known && o->grey)
    return usage_error ("--grey: not with --known");
  if (flow && (o->known || o->grey))
    return usage_error ("--%s: not with --flow, which is one path for all coordinates", o->known ? "known" : "grey");
  if (flow && o->operator&& !o->one_path)
    return usage_error ("--operator: not with --flow but for --one-path: the noise is drawn anew at each step");
  if (o->one_path && !o->known && !o->grey && !o->operator)
    return usage_error ("--one-path: needs --known, --grey or --operator");
  return check_measurement (o);
}

// ## Files of points
//
// Bytes are mapped to the range that the samples have.

static int
check_rows (const char *path, const points *p, size_t columns, uint64_t n)
{
  const size_t rows = p->rows->size1;
  if (p->rows->size2 == columns && (rows == 1 || rows == n))
    return EXIT_SUCCESS;
  return failure ("%s: %zu points of %zu numbers; needed are %llu (one for each sample) or 1, of %zu numbers each",
                  path, rows, p->rows->size2, (unsigned long long)n, columns);
}

static int
check_numbers (const char *path, const points *p, size_t columns, uint64_t n)
{
  const int status = check_rows (path, p, columns, n);
  return status == EXIT_SUCCESS ? points_finite (path, p) : status;
}

static int
read_rows (const char *path, const named_law *look, points *p)
{
  const double range[] = { look->low, look->high };
  return points_read (path, look->low < look->high ? range : NULL, 0, p);
}

// White is 255 in a picture of a mask.

static int
read_mask (const char *path, size_t d, gsl_matrix **mask)
{
  points p;
  if (points_read (path, NULL, 0, &p) != EXIT_SUCCESS)
    return EXIT_FAILURE;
  const bool bytes = p.low < p.high;
  int status = EXIT_SUCCESS;
  if (p.rows->size1 != 1 || p.rows->size2 != d)
    status = failure ("%s: %zu x %zu numbers, and a mask is one point of %zu", path, p.rows->size1, p.rows->size2, d);
  for (size_t j = 0; j < d && status == EXIT_SUCCESS; j++)
    {
      double *number = gsl_matrix_ptr (p.rows, 0, j);
      if (bytes && *number == 255)
        *number = 1;
      if (*number != 0 && *number != 1)
        status
            = failure ("%s: number %zu is %g, and a mask's are 0 and %s", path, j, *number, bytes ? "1 or 255" : "1");
    }
  *mask = status == EXIT_SUCCESS ? p.rows : NULL;
  if (!*mask)
    points_free (&p);
  return status;
}

// ## Some coordinates
//
// What stands where the mask has 0 is not looked at, and may be none.

static int
open_known (const guidance_options *o, const named_law *look, uint64_t n, guidance *g)
{
  const size_t d = g->score->process->dimension;
  points p;
  int status = read_rows (o->known, look, &p);
  if (status != EXIT_SUCCESS)
    return status;
  g->y = p.rows;
  status = check_rows (o->known, &p, d, n);
  gsl_matrix *mask = NULL;
  if (status == EXIT_SUCCESS)
    status = read_mask (o->mask, d, &mask);
  g->mask = mask ? gsl_vector_alloc (d) : NULL;
  if (g->mask)
    gsl_matrix_get_row (g->mask, mask, 0);
  else if (mask)
    status = failure ("no memory");
  for (size_t j = 0; j < d && mask && status == EXIT_SUCCESS; j++)
    if (gsl_matrix_get (mask, 0, j) == 0)
      {
        gsl_vector_view unknown = gsl_matrix_column (p.rows, j);
        gsl_vector_set_zero (&unknown.vector);
      }
  if (status == EXIT_SUCCESS)
    status = points_finite (o->known, &p);
  gsl_matrix_free (mask);
  return status;
}

// ## Grey
//
// Of a pixel it is the mean $(R + G + B)/3$, which the colours' basis (`operator/colour.c`) has as its first
// coordinate, times $\sqrt 3$. [scoresde.txt-color-matrix]

static int
open_grey (const guidance_options *o, const named_law *look, uint64_t n, guidance *g)
{
  const size_t pixels = look->height * look->width, d = g->score->process->dimension;
  if (look->channels != 3)
    return usage_error ("--grey: the samples are no images in colour");
  points p;
  int status = read_rows (o->grey, look, &p);
  if (status != EXIT_SUCCESS)
    return status;
  const size_t channels = p.rows->size2 == d ? 3 : 1;
  status = check_numbers (o->grey, &p, channels * pixels, n);
  g->y = status == EXIT_SUCCESS ? gsl_matrix_calloc (p.rows->size1, d) : NULL;
  g->mask = g->y ? gsl_vector_calloc (d) : NULL;
  g->basis = g->mask ? sb_operator_colour_alloc (pixels) : NULL;
  for (size_t k = 0; g->basis && k < pixels; k++)
    {
      gsl_vector_set (g->mask, 3 * k, 1);
      for (size_t i = 0; i < p.rows->size1; i++)
        for (size_t c = 0; c < channels; c++)
          *gsl_matrix_ptr (g->y, i, 3 * k) += M_SQRT3 / (double)channels * gsl_matrix_get (p.rows, i, channels * k + c);
    }
  points_free (&p);
  return status != EXIT_SUCCESS || g->basis ? status : failure ("no memory");
}

// ## A class
//
// The classifier has to be one of such points, in their range, under their process.

// $\mathbf A$ and $\mathbf S$ of a row of different numbers, one below the other. Two processes of the program that are
// not the same differ in these at one of four times.

static int
apply_maps (const sb_process *process, double t, gsl_matrix *mapped)
{
  for (size_t j = 0; j < mapped->size2; j++)
    {
      gsl_matrix_set (mapped, 0, j, (double)(j + 1));
      gsl_matrix_set (mapped, 1, j, (double)(j + 1));
    }
  const gsl_vector_const_view at = gsl_vector_const_view_array (&t, 1);
  gsl_matrix_view A = gsl_matrix_submatrix (mapped, 0, 0, 1, mapped->size2),
                  S = gsl_matrix_submatrix (mapped, 1, 0, 1, mapped->size2);
  const int status = sb_process_apply (process, SB_A, CblasNoTrans, NULL, &at.vector, &A.matrix);
  return status ? status : sb_process_apply (process, SB_S, CblasNoTrans, NULL, &at.vector, &S.matrix);
}

bool
same_process (const sb_process *a, const sb_process *b)
{
  if (strcmp (a->type->name, b->type->name) != 0 || a->levels != b->levels)
    return false;
  gsl_matrix *of_a = gsl_matrix_alloc (2, a->dimension), *of_b = gsl_matrix_alloc (2, a->dimension);
  bool same = of_a && of_b;
  const double parts[] = { 0.02, 0.1, 0.5, 1 }, last = GSL_MIN (a->t_max, b->t_max), levels = (double)a->levels;
  for (size_t k = 0; k < sizeof parts / sizeof *parts && same; k++)
    {
      const double t = levels > 0 ? fmax (rint (parts[k] * levels), 1) / levels : parts[k] * last;
      same = !apply_maps (a, t, of_a) && !apply_maps (b, t, of_b) && gsl_matrix_equal (of_a, of_b);
    }
  gsl_matrix_free (of_a);
  gsl_matrix_free (of_b);
  return same;
}

static int
check_classifier (const guidance_options *o, const named_law *look, const guidance *g)
{
  const sb_model *m = g->model;
  const sb_net_shape in = sb_net_input (m->net);
  const sb_process *process = g->score->process;
  const size_t d = process->dimension, classes = sb_net_shape_size (sb_net_output (m->net));
  if (sb_net_shape_size (in) != d)
    return failure ("%s: its points have %zu numbers, the samples %zu", o->classifier, sb_net_shape_size (in), d);
  if (look->height && (in.height != look->height || in.width != look->width))
    return failure ("%s: its images are image=%zux%zux%zu, the samples image=%zux%zux%zu", o->classifier, in.channels,
                    in.height, in.width, look->channels, look->height, look->width);
  if (look->height && (m->low != look->low || m->high != look->high))
    return failure ("%s: its images range from %g to %g, the samples from %g to %g", o->classifier, m->low, m->high,
                    look->low, look->high);
  if (!same_process (m->process, process))
    return failure ("%s: its process is %s, the samples' %s%s", o->classifier, m->process->type->name,
                    strcmp (m->process->type->name, process->type->name) == 0 ? "another " : "", process->type->name);
  if (o->class != EACH_CLASS && o->class >= classes)
    return usage_error ("--class: --classifier=%s knows %zu classes", o->classifier, classes);
  return EXIT_SUCCESS;
}

static int
guide (const sb_guidance *by, guidance *g)
{
  g->guided = sb_score_guided_alloc (g->score, by);
  if (!g->guided)
    return failure ("the guided score: %s", why (GSL_FAILURE));
  g->score = g->guided;
  return EXIT_SUCCESS;
}

static int
open_classifier (const guidance_options *o, const network_engine *engine, const named_law *look, guidance *g)
{
  sb_error error = { 0 };
  g->model = sb_model_read_classifier (o->classifier, &error);
  if (!g->model)
    return failure ("%s", error.message);
  int status = check_classifier (o, look, g);
  if (status == EXIT_SUCCESS)
    status = set_engine (g->model->net, engine);
  if (status != EXIT_SUCCESS)
    return status;
  g->classifier = sb_timed_classifier_alloc (&g->model->network);
  if (!g->classifier)
    return failure ("%s: %s", o->classifier, why (GSL_FAILURE));
  return guide (&(sb_guidance){ sb_timed_classifier_gradient, g->classifier, isnan (o->weight) ? 1 : o->weight }, g);
}

static int
open_class (const guidance_options *o, const network_engine *engine, const named_law *look, uint64_t n, guidance *g)
{
  const int status = o->classifier ? open_classifier (o, engine, look, g) : EXIT_SUCCESS;
  if (status != EXIT_SUCCESS)
    return status;
  const size_t classes = o->classifier ? sb_net_shape_size (sb_net_output (g->model->net)) : o->classes;
  g->condition = gsl_matrix_alloc (o->class == EACH_CLASS ? (size_t)n : 1, 1);
  if (!g->condition)
    return failure ("no memory");
  for (size_t i = 0; i < g->condition->size1; i++)
    gsl_matrix_set (g->condition, i, 0, (double)(o->class == EACH_CLASS ? i % classes : o->class));
  return EXIT_SUCCESS;
}

// ## A measurement

static int
open_operator (const guidance_options *o, const named_law *look, guidance *g)
{
  const size_t d = g->score->process->dimension;
  double key[SB_KEYS_MOST];
  sb_error error = { 0 };
  const sb_operator_kind *kind
      = (const sb_operator_kind *)sb_entry_read (sb_operators, "--operator", o->operator, key, &error);
  if (!kind)
    return refused_line (&error);
  points p = { 0 };
  int status = EXIT_SUCCESS;
  if (o->matrix && (strcmp (kind->entry.name, "mask") == 0 || strcmp (kind->entry.name, "select") == 0))
    status = read_mask (o->matrix, d, &p.rows);
  else if (o->matrix)
    status = points_read (o->matrix, NULL, 0, &p);
  if (status != EXIT_SUCCESS)
    return status;
  const sb_operator_setting of = { d, look->height, look->width, look->channels, p.rows };
  g->H = sb_operator_from_text (o->operator, & of, &error);
  if (!g->H && error.code == GSL_EINVAL)
    status = usage_error ("--operator: %s", error.message);
  else if (!g->H)
    status = failure ("%s: %s", o->matrix ? o->matrix : "--operator", error.message);
  points_free (&p);
  return status;
}

static int
open_measurement (const guidance_options *o, const named_law *look, uint64_t n, guidance *g)
{
  int status = open_operator (o, look, g);
  points p;
  if (status == EXIT_SUCCESS)
    status = read_rows (o->measurement, look, &p);
  if (status != EXIT_SUCCESS)
    return status;
  g->condition = p.rows;
  status = check_numbers (o->measurement, &p, g->H->rows, n);
  g->inverse = (sb_inverse){ .process = g->score->process, .H = g->H, .tau = o->noise, .one_path = o->one_path };
  return status == EXIT_SUCCESS ? guide (&(sb_guidance){ sb_inverse_gradient, &g->inverse, 1 }, g) : status;
}

// ## Where to begin
//
// In place of a draw from the prior, points that are as the process leaves them at the first time: a user's picture,
// blurred.

static int
open_start (const guidance_options *o, const named_law *look, uint64_t n, guidance *g)
{
  points p;
  int status = read_rows (o->start, look, &p);
  if (status != EXIT_SUCCESS)
    return status;
  g->start = p.rows;
  return check_numbers (o->start, &p, g->score->process->dimension, n);
}

// ## All of it

int
guidance_open (const guidance_options *o, const network_engine *engine, const named_law *look, const sb_score *score,
               uint64_t n, guidance *g)
{
  *g = (guidance){ .score = score };
  int status = EXIT_SUCCESS;
  if (o->class != NO_CLASS)
    status = open_class (o, engine, look, n, g);
  if (status == EXIT_SUCCESS && o->known)
    status = open_known (o, look, n, g);
  if (status == EXIT_SUCCESS && o->grey)
    status = open_grey (o, look, n, g);
  if (status == EXIT_SUCCESS && o->operator)
    status = open_measurement (o, look, n, g);
  if (status == EXIT_SUCCESS && o->start)
    status = open_start (o, look, n, g);
  g->known = (sb_known){ g->y, g->mask, o->one_path, g->basis };
  if (status != EXIT_SUCCESS)
    guidance_close (g);
  return status;
}

void
guidance_close (guidance *g)
{
  sb_score_free (g->guided);
  sb_timed_classifier_free (g->classifier);
  sb_model_free (g->model);
  sb_operator_free (g->H);
  sb_operator_free (g->basis);
  gsl_matrix_free (g->condition);
  gsl_matrix_free (g->y);
  gsl_matrix_free (g->start);
  gsl_vector_free (g->mask);
}
