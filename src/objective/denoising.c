// # Denoising score matching at a noise level
//
// Data under Gaussian noise, $\tilde{\mathbf x} \sim q_\sigma(\tilde{\mathbf x} \mid \mathbf x) = \mathcal N(\mathbf x,
// \sigma^2\mathbf I)$, have a density everywhere, and the score of the kernel is known. Match that: [dsm2ddpm.txt-DSM]
// $$ J_{\mathrm{DSM}} = \tfrac12\,\mathbb E_{q_\sigma(\tilde{\mathbf x} \mid \mathbf x)\,p_{\mathrm{data}}(\mathbf x)}
//    \bigl\|\mathbf s_\theta(\tilde{\mathbf x})
//    - \nabla_{\tilde{\mathbf x}}\log q_\sigma(\tilde{\mathbf x} \mid \mathbf x)\bigr\|_2^2. $$
// A function of $\tilde{\mathbf x}$ alone can do no better than the conditional mean of its target, and that is the
// score of the noised data, $\mathbb E[\nabla\log q_\sigma(\tilde{\mathbf x} \mid \mathbf x) \mid \tilde{\mathbf x}] =
// \nabla\log q_\sigma(\tilde{\mathbf x})$, not of the data. [dsm2ddpm.txt-DSM-minimiser] [dsm2ddpm.txt-cond-target] So
// the objective is explicit score matching on $q_\sigma$, plus a constant: $J_{\mathrm{DSM}} = J_{\mathrm{ESM},
// q_\sigma} + \tfrac{d}{2\sigma^2} - \tfrac12\mathbb E_{q_\sigma}\|\nabla\log q_\sigma\|^2$ (Vincent, 2011).
// Nothing in this needs the kernel to be that of added noise: [soft.thm3.1] for $\mathbf x_t = C_t\mathbf x_0 +
// \sigma_t\boldsymbol\eta$, or any kernel with a density everywhere, $J_1 = \tfrac12\mathbb E_{q_t}\|\mathbf s_\theta
// - \nabla\log q_t\|^2$ and [soft.eq6]
// $$ J_2 = \tfrac12\,\mathbb E_{q_0(\mathbf x_0)\,q_t(\mathbf x_t \mid \mathbf x_0)}
//    \|\mathbf s_\theta(\mathbf x_t) - \nabla\log q_t(\mathbf x_t \mid \mathbf x_0)\|^2 $$
// differ by a number, because [soft.eq26] $\mathbb E\,\mathbf s_\theta^\top\nabla\log q_t(\mathbf x_t) = \mathbb
// E\,\mathbf s_\theta^\top\nabla\log q_t(\mathbf x_t \mid \mathbf x_0)$.

// In *Non-Uniform Diffusion Models* a time has a weight, [nonuniform.eq6]
// $$ \mathcal L_{DSM}(\theta, \lambda) = \tfrac12\,\mathbb E_{t \sim U(0, T),\,x_0 \sim p(x_0),\,x_t \sim p(x_t \mid x_0)}\bigl[\lambda(t)\,
//    \|\nabla_{x_t}\ln p(x_t \mid x_0) - s_\theta(x_t, t)\|_2^2\bigr] , $$
// or, where coordinates have SDEs of their own, a positive definite matrix, [nonuniform.eq10]
// $$ \mathcal L_{DSM}(\theta, \Lambda) = \tfrac12\,\mathbb E\bigl[v_\theta^\top\Lambda(t)\,v_\theta\bigr], \qquad
//    v_\theta(x_0, x_t, t) = \nabla_{x_t}\ln p(x_t \mid x_0) - s_\theta(x_t, t) , $$
// with the same minimum whatever $\Lambda$ is. Explicit score matching differs by a constant: [nonuniform.txt-dsm-sm]
// $$ \mathcal L_{DSM} = \mathcal L_{SM} + \tfrac12\,\mathbb E_{t, x_t}\operatorname{tr}\bigl[\Lambda(t)
//    \operatorname{Cov}(\nabla_{x_t}\ln p(x_t \mid x_0) \mid x_t)\bigr] . $$
// (Down to $t = 0$ and with $\lambda = g^2$ that number is infinite wherever the kernel's variance begins at 0, so $t
// \ge \epsilon$.)
//
// ## Given a condition
//
// Three estimators of the score of $x_t$ given $y$ are this loss. The conditional denoising estimator diffuses $x$
// alone and gives $y$ to the network, [nonuniform.eq12]
// $$ \tfrac12\,\mathbb E_{t,\,(x_0, y) \sim p(x_0, y),\,x_t \sim p(x_t \mid x_0)}\bigl[\lambda(t)\,
//    \|\nabla_{x_t}\ln p(x_t \mid x_0) - s_\theta(x_t, y, t)\|_2^2\bigr] , $$
// which has the minimum [nonuniform.thm2] of the same with $\nabla_{x_t}\ln p(x_t \mid y)$ in place of the kernel's
// score: given $y$, [nonuniform.lem1]
// $$ \mathbb E\bigl[\lambda\,\|\nabla\ln p(x_t \mid x_0, y) - s\|^2\bigr] = \mathbb E\bigl[\lambda\,\|\nabla\ln p(x_t \mid y) - s\|^2\bigr]
//    + \lambda\,\mathbb E\operatorname{tr}\operatorname{Cov}(\nabla\ln p(x_t \mid x_0, y) \mid x_t, y) $$
// (printed without the last term, which does not depend on $s$). So the minimiser of the mean over $n$ samples tends to
// the conditional score as $n$ grows. [nonuniform.cor1] The conditional diffusive estimator diffuses $z = (x, y)$ by
// one SDE, [nonuniform.eq13]
// $$ \tfrac12\,\mathbb E_{t,\,z_0 \sim p_0(z_0),\,z_t \sim p(z_t \mid z_0)}\bigl[\lambda(t)\,
//    \|\nabla_{z_t}\ln p(z_t \mid z_0) - s_\theta(z_t, t)\|_2^2\bigr] , $$
// the multi-speed one each at its own speed (`process/multispeed.c`), [nonuniform.eq14]
// $$ \tfrac12\,\mathbb E_{t,\,z_0,\,z_t}\bigl[v^\top\Lambda(t)\,v\bigr], \qquad v = \nabla_{z_t}\ln p(z_t \mid z_0) - s_\theta(z_t, t) , $$
// and both use the first coordinates of the learned score (`score/slice.c`).

#include "objective.h"

// With $\tilde{\mathbf x} = \mathbf x + \sigma\boldsymbol\varepsilon$ the target is [dsm2ddpm.txt-cond-score]
// $$ \nabla_{\tilde{\mathbf x}}\log q_\sigma(\tilde{\mathbf x} \mid \mathbf x)
//    = -\frac{\tilde{\mathbf x} - \mathbf x}{\sigma^2} = -\frac{\boldsymbol\varepsilon}{\sigma}, $$
// whose variances add up to $d/\sigma^2$ at every $\sigma$: [dsm2ddpm.txt-DSM-variance] the less noise, the more
// samples it takes to average $\boldsymbol\varepsilon$ out. Under a process that also moves the data,
// $\tilde{\mathbf x} = \mathbf A\mathbf x + \mathbf S\boldsymbol\varepsilon$, it is
// $-\mathbf S^{-\top}\boldsymbol\varepsilon$.
//
// At noise level $\sigma$ the loss is [dsm2ddpm.txt-NCSN-loss]
// $$ \ell(\theta; \sigma) = \tfrac12\,\mathbb E_{p_{\mathrm{data}}(\mathbf x)}\,
//    \mathbb E_{\tilde{\mathbf x} \sim \mathcal N(\mathbf x, \sigma^2\mathbf I)}
//    \Bigl\|\mathbf s_\theta(\tilde{\mathbf x}, \sigma) + \frac{\tilde{\mathbf x} - \mathbf x}{\sigma^2}\Bigr\|_2^2. $$

int
sb_objective_denoising_loss (sb_objective_batch *b)
{
  int status = sb_objective_from_target (b);
  return status ? status : sb_objective_square (0.5, b);
}

const sb_objective_type *sb_objective_denoising
    = &(const sb_objective_type){ .entry = { .name = "denoising", .help = "the same, halved, in terms of the score" },
                                  .view = SB_SCORE,
                                  .weighting = &sb_weighting_unit,
                                  .noise = true,
                                  .loss = sb_objective_denoising_loss };
