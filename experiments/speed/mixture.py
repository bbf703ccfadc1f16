"""Exact scores with numpy: python3 mixture.py sample|score rows|columns D N K STEPS

The law is a mixture of K Gaussians with a standard deviation each, carried to noise by the VE SDE. A unit of work is
the score of N points, or N samples: STEPS predictor-corrector steps (reverse diffusion; Langevin at the paper's r)
and Tweedie's formula. Weights of components are kept by rows, a row for each point, as one would first write it, or
by columns, which is faster where there are few. numpy's BLAS has OPENBLAS_NUM_THREADS threads.
"""

import sys

import numpy as np

from rounds import serve

SIGMA_MIN, SIGMA_MAX, SNR = 0.01, 50.0, 0.16


def main():
    what, layout = sys.argv[1:3]
    d, n, K, steps = map(int, sys.argv[3:])
    rng = np.random.default_rng(1)
    mu = rng.standard_normal((K, d))
    variance = np.linspace(0.1, 0.5, K) ** 2
    half_norm = (mu**2).sum(axis=1) / 2
    log_w = np.full(K, -np.log(K))
    sigmas = np.geomspace(SIGMA_MAX, SIGMA_MIN, steps + 1)
    x, z = np.empty((n, d)), np.empty((n, d))

    # The score is sum_k r_k (mu_k - x) / s_k with s_k = variance_k + sigma^2.

    def score_rows(x, sigma):
        s = variance + sigma**2
        r = x @ mu.T
        r -= half_norm
        r -= np.einsum("ij,ij->i", x, x)[:, None] / 2
        r /= s
        r += log_w - d / 2 * np.log(s)
        r -= r.max(axis=1, keepdims=True)
        np.exp(r, out=r)
        r /= r.sum(axis=1, keepdims=True)
        r /= s
        g = r @ mu
        g -= r.sum(axis=1, keepdims=True) * x
        return g

    # The same with r transposed: sums over K then run along memory.
    def score_columns(x, sigma):
        s = (variance + sigma**2)[:, None]
        r = mu @ x.T
        r -= half_norm[:, None]
        r -= np.einsum("ij,ij->i", x, x) / 2
        r /= s
        r += log_w[:, None] - d / 2 * np.log(s)
        r -= r.max(axis=0)
        np.exp(r, out=r)
        r /= r.sum(axis=0)
        r /= s
        g = r.T @ mu
        g -= r.sum(axis=0)[:, None] * x
        return g

    score = score_rows if layout == "rows" else score_columns

    def mean_norm(v):
        return np.sqrt(np.einsum("ij,ij->i", v, v)).mean()

    def sample(runs):
        for _ in range(runs):
            rng.standard_normal(out=x)
            np.multiply(x, SIGMA_MAX, out=x)
            for sigma, below in zip(sigmas[:-1], sigmas[1:]):
                variance_of_step = sigma**2 - below**2
                g = score(x, sigma)
                rng.standard_normal(out=z)
                g *= variance_of_step
                np.add(x, g, out=x)
                np.multiply(z, np.sqrt(variance_of_step), out=g)
                np.add(x, g, out=x)

                g = score(x, below)
                rng.standard_normal(out=z)
                epsilon = 2 * (SNR * mean_norm(z) / mean_norm(g)) ** 2
                g *= epsilon
                np.add(x, g, out=x)
                np.multiply(z, np.sqrt(2 * epsilon), out=g)
                np.add(x, g, out=x)
            g = score(x, SIGMA_MIN)
            g *= SIGMA_MIN**2
            np.add(x, g, out=x)
            if not np.isfinite(x).all():
                sys.exit("a sample is not finite")

    def evaluate(times):
        for _ in range(times):
            score(x, 1.0)

    rng.standard_normal(out=x)
    serve({"sample": sample, "score": evaluate}[what], f"evaluations {n * (2 * steps + 1 if what == 'sample' else 1)}")


main()
