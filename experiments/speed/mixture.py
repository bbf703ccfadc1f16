"""Exact scores with numpy: python3 mixture.py sample|score rows|columns D N K STEPS
or python3 mixture.py heun|heun-quiet rows|columns D N K STEPS FILE

The law is a mixture of K Gaussians with a standard deviation each, carried to noise by the VE SDE. A unit of work is
the score of N points, or N samples: STEPS predictor-corrector steps (reverse diffusion; Langevin at the paper's r)
and Tweedie's formula. Weights of components are kept by rows, a row for each point, as one would first write it, or
by columns, which is faster where there are few. numpy's BLAS has OPENBLAS_NUM_THREADS threads.

heun: N samples by Karras et al.'s sampler, STEPS levels and 0, written as k-diffusion's sample_heun is, which draws
normals at every step and without churn does not use them; heun-quiet draws none. The means, and the points from which the
facts are found, are those of exact.c, which leaves them in FILE (NPY).
"""

import sys

import numpy as np

from rounds import serve

SIGMA_MIN, SIGMA_MAX, SNR = 0.01, 50.0, 0.16


def averages(mu, variance, layout):
    """A function of x, sigma, c, keep: sum_k r_k c (mu_k - x) / s_k + keep x with s_k = variance_k + sigma^2. That is the
    score where c = 1 and keep = 0, the denoiser where c = sigma^2 and keep = 1."""
    K, d = mu.shape
    half_norm = (mu**2).sum(axis=1) / 2
    log_w = np.full(K, -np.log(K))

    def by_rows(x, sigma, c, keep):
        s = variance + sigma**2
        r = x @ mu.T
        r -= half_norm
        r -= np.einsum("ij,ij->i", x, x)[:, None] / 2
        r /= s
        r += log_w - d / 2 * np.log(s)
        r -= r.max(axis=1, keepdims=True)
        np.exp(r, out=r)
        r /= r.sum(axis=1, keepdims=True)
        r *= c / s
        g = r @ mu
        g += (keep - r.sum(axis=1, keepdims=True)) * x
        return g

    # The same with r transposed: sums over K then run along memory.
    def by_columns(x, sigma, c, keep):
        s = (variance + sigma**2)[:, None]
        r = mu @ x.T
        r -= half_norm[:, None]
        r -= np.einsum("ij,ij->i", x, x) / 2
        r /= s
        r += log_w[:, None] - d / 2 * np.log(s)
        r -= r.max(axis=0)
        np.exp(r, out=r)
        r /= r.sum(axis=0)
        r *= c / s
        g = r.T @ mu
        g += (keep - r.sum(axis=0))[:, None] * x
        return g

    return by_rows if layout == "rows" else by_columns


def sample_heun(model, x, sigmas, rng, quiet, s_churn=0.0, s_tmin=0.0, s_tmax=float("inf"), s_noise=1.0):
    for i in range(len(sigmas) - 1):
        gamma = min(s_churn / (len(sigmas) - 1), 2**0.5 - 1) if s_tmin <= sigmas[i] <= s_tmax else 0.0
        if not quiet or gamma > 0:
            eps = rng.standard_normal(x.shape) * s_noise
        sigma_hat = sigmas[i] * (gamma + 1)
        if gamma > 0:
            x = x + eps * (sigma_hat**2 - sigmas[i] ** 2) ** 0.5
        denoised = model(x, sigma_hat)
        d = (x - denoised) / sigma_hat
        dt = sigmas[i + 1] - sigma_hat
        if sigmas[i + 1] == 0:
            x = x + d * dt
        else:
            x_2 = x + d * dt
            denoised_2 = model(x_2, sigmas[i + 1])
            d_2 = (x_2 - denoised_2) / sigmas[i + 1]
            d_prime = (d + d_2) / 2
            x = x + d_prime * dt
    return x


def karras(d, n, K, steps, layout, quiet, path, rng):
    """The work, and the facts: the evaluations, and the means of the samples and of their squares."""
    numbers = np.load(path)
    average = averages(numbers[:K], np.linspace(0.1, 0.5, K) ** 2, layout)
    low, high = 0.002 ** (1 / 7), 80 ** (1 / 7)
    sigmas = np.append((high + np.arange(steps) / (steps - 1) * (low - high)) ** 7, 0)

    def run(x):
        return sample_heun(lambda x, sigma: average(x, sigma, sigma**2, 1), x, sigmas, rng, quiet)

    def work(runs):
        for _ in range(runs):
            if not np.isfinite(run(rng.standard_normal((n, d)) * sigmas[0])).all():
                sys.exit("a sample is not finite")

    x = run(numbers[K:])
    return work, f"evaluations {n * (2 * steps - 1)} mean {x.mean():.9g} square {(x**2).mean():.9g}"


def main():
    what, layout = sys.argv[1:3]
    d, n, K, steps = map(int, sys.argv[3:7])
    rng = np.random.default_rng(1)
    if what.startswith("heun"):
        serve(*karras(d, n, K, steps, layout, what == "heun-quiet", sys.argv[7], rng))
        return
    average = averages(rng.standard_normal((K, d)), np.linspace(0.1, 0.5, K) ** 2, layout)
    sigmas = np.geomspace(SIGMA_MAX, SIGMA_MIN, steps + 1)
    x, z = np.empty((n, d)), np.empty((n, d))

    def score(x, sigma):
        return average(x, sigma, 1, 0)

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
