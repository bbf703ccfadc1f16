#ifndef SCOREBOOK_TESTS_LOSSES_H
#define SCOREBOOK_TESTS_LOSSES_H

// Objectives taken apart: points drawn without a score, and losses at points or of estimates that a test has chosen.

#include "objective/objective.h"
#include "train/trainer.h"

sb_objective weighted (const sb_objective_type *type, const sb_process *process, const sb_weighting_type *weighting,
                       double t_min);
sb_objective on_data (const sb_objective_type *type, const sb_process *process); // at t = 0

// x holds x_0 and becomes x_t.
int draw_points (const sb_objective *o, sb_stream stream, gsl_vector *t, gsl_matrix *z, gsl_matrix *x);

// Of an estimate in the objective's view, with normals z, or of the denoiser with data z. bar: NULL or n x d.
int loss_of (const sb_objective *o, const gsl_vector *t, const gsl_matrix *z, const gsl_matrix *estimate,
             gsl_vector *loss, gsl_matrix *bar);

// Of a score at points x and times t, along directions v (NULL: none, or the unit vectors).
int loss_at (const sb_objective *o, const sb_score *score, const gsl_matrix *x, const gsl_vector *t,
             const gsl_matrix *v, gsl_vector *loss, gsl_matrix *bar);

int esm_at (const sb_score *score, const sb_score *truth, const gsl_matrix *x, const gsl_vector *t, gsl_vector *loss,
            gsl_matrix *bar);
int ism_at (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, gsl_vector *loss);
int ssm_at (bool plain, const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *v,
            gsl_vector *loss);
sb_objective fdssm_of (const sb_process *process, double h, bool plain); // at t = 0

// Of data x that became x_tilde: the loss, by a weighting or the usual one, and the target itself.
int denoising_by (const sb_weighting_type *weighting, const sb_score *score, const gsl_matrix *x,
                  const gsl_matrix *x_tilde, const gsl_vector *t, gsl_vector *loss, gsl_matrix *bar);
int denoising_at (const sb_score *score, const gsl_matrix *x, const gsl_matrix *x_tilde, const gsl_vector *t,
                  gsl_vector *loss, gsl_matrix *bar);
int target_at (const sb_process *process, const gsl_matrix *x, const gsl_matrix *x_tilde, const gsl_vector *t,
               gsl_matrix *target);

// ## Trainings

int draw_from_law (const void *law, sb_stream stream, gsl_matrix *x, gsl_matrix *y); // of sb_examples; law: a target
double train_for (sb_trainer *trainer, int steps, int last);                         // the mean loss of the last ones

// The mean and its standard error.
double mean_of (const gsl_vector *v, double *standard_error);

#endif
