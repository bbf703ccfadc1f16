"""Soft Diffusion's blurs and schedules with numpy and scipy:

    python3 soft.py filter|matmul N SIDE
    python3 soft.py products|logs|pot|pot-logs IMAGES N
    python3 soft.py assignment|emd IMAGES N PAIRS
    python3 soft.py momentum N K Q STEPS

A unit of work is that of soft.c, but of assignment and emd: the exact W_2 of PAIRS pairs of levels. Momentum's is in the
basis of cosines throughout, where the blur is diagonal.
"""

import gzip
import sys

import numpy as np

from rounds import serve


def digits(path, first, n):
    with gzip.open(path) as file:
        x = np.frombuffer(file.read(), np.uint8)[16:].reshape(-1, 28, 28)[first : first + n]
    return x / 255


def matrix(side, sd, half):
    """The blur of a line of pixels, zero beyond its ends."""
    v = np.arange(-half, half + 1)
    k = np.exp(-(v**2) / (2 * sd**2))
    k /= k.sum()
    gap = np.abs(np.subtract.outer(np.arange(side), np.arange(side)))
    return np.where(gap <= half, k[half + np.minimum(gap, half)], 0)


def blur(x, sd, half=27):
    b = matrix(x.shape[-1], sd, half)
    return b @ x @ b.T


def blurs(method, n, side):
    x = np.random.default_rng(1).uniform(size=(n, 3, side, side))
    sds = np.linspace(0.5, 23, n)
    if method == "filter":
        from scipy.ndimage import gaussian_filter

        def once():
            for image, sd in zip(x, sds):
                gaussian_filter(image, (0, sd, sd), mode="constant", truncate=80 / sd)
    else:

        def once():
            b = np.stack([matrix(side, sd, 80) for sd in sds])[:, None]
            b @ x @ b

    return once


def costs(x, y):
    return np.maximum((x**2).sum(1)[:, None] + (y**2).sum(1) - 2 * x @ y.T, 0)


def by_products(cost, epsilon, goal):
    n, m = cost.shape
    kernel, a, b = np.exp(-cost / epsilon), 1 / n, 1 / m
    u, v = np.full(n, a), np.full(m, b)
    while True:
        kv = kernel @ v
        if np.abs(u * kv - a).sum() <= goal:
            return (u[:, None] * kernel * v * cost).sum()
        u = a / kv
        v = b / (kernel.T @ u)


def in_logs(cost, epsilon, goal):
    from scipy.special import logsumexp

    n, m = cost.shape
    c, f, g = cost / epsilon, np.zeros(n), np.zeros(m)
    while True:
        rows = logsumexp(g - c, axis=1) - np.log(m)
        if np.abs(np.exp(f + rows) - 1).sum() / n <= goal:
            return (np.exp(f[:, None] + g - c) * cost).sum() / (n * m)
        f = -rows
        g = np.log(n) - logsumexp(f[:, None] - c, axis=0)


def transport(method, path, n):
    x = blur(digits(path, 0, n), 1).reshape(n, -1)
    y = blur(digits(path, n, n), 2).reshape(n, -1)
    epsilon = 0.05 * costs(x, y).mean()
    if method.startswith("pot"):
        import ot

        a, kind = np.full(n, 1 / n), "sinkhorn_log" if method == "pot-logs" else "sinkhorn"
        return lambda: ot.sinkhorn2(a, a, costs(x, y), epsilon, method=kind, stopThr=1e-6, numItermax=100000)
    solve = in_logs if method == "logs" else by_products
    return lambda: solve(costs(x, y), epsilon, 1e-6)


def pairs(method, path, n, count):
    x = digits(path, 0, n)
    sds = np.random.default_rng(1).uniform(0.5, 10, (count, 2))

    def once():
        for a, b in sds:
            cost = costs(blur(x, a).reshape(n, -1), blur(x, b).reshape(n, -1))
            if method == "emd":
                import ot

                ot.emd2(np.full(n, 1 / n), np.full(n, 1 / n), cost)
            else:
                from scipy.optimize import linear_sum_assignment

                cost[linear_sum_assignment(cost)].mean()

    return once


def momentum(n, k, q, steps):
    rng, side, noise = np.random.default_rng(1), 28, 0.01
    d = side * side
    mu, w = 0.3 * rng.normal(size=(k, d)), 0.05 * rng.normal(size=(k, q, d))
    knots = np.concatenate([[0.01], np.geomspace(0.2, 23, 31)])
    v, omega = np.arange(1, 28), np.pi * np.arange(side) / side

    def at(t):  # the blur's eigenvalues and the deviation of the noise
        sd = np.interp(t, np.linspace(0.2, 1, 32), knots)
        line = np.exp(-(v**2) / (2 * sd**2))
        modes = (1 + 2 * np.cos(np.outer(omega, v)) @ line) / (1 + 2 * line.sum())
        return np.outer(modes, modes).ravel(), min(0.01 * 10 ** (t / 0.2), 0.1)

    def denoise(x, c, sigma):
        log_p, means = np.empty((k, n)), np.empty((k, n, d))
        root = 1 / np.sqrt(noise * c**2 + sigma**2)
        for i in range(k):
            u = w[i] * (c * root)
            factor = np.linalg.cholesky(np.eye(q) + u @ u.T)
            e = (x - c * mu[i]) * root
            a = np.linalg.solve(factor, u @ e.T)
            log_p[i] = -0.5 * ((e**2).sum(1) - (a**2).sum(0)) - np.log(np.diag(factor)).sum()
            r = (e - np.linalg.solve(factor.T, a).T @ u) * root * c
            means[i] = mu[i] + noise * r + (r @ w[i].T) @ w[i]
        p = np.exp(log_p - log_p.max(0))
        return np.einsum("kn,knd->nd", p / p.sum(0), means)

    def once():
        times = np.linspace(1, 1e-5, steps + 1)
        x = 0.1 * rng.normal(size=(n, d))
        for t, s in zip(times, times[1:]):
            (c, sigma), (c_s, sigma_s) = at(t), at(s)
            x_hat = denoise(x, c, sigma)
            x = c_s * x_hat + (sigma_s / sigma) ** 2 * (x - c * x_hat)
            x += np.sqrt(max(sigma**2 - sigma_s**2, 0)) * rng.normal(size=(n, d))

    return once


def main():
    method, rest = sys.argv[1], sys.argv[2:]
    if method in ("filter", "matmul"):
        once, facts = blurs(method, int(rest[0]), int(rest[1])), ""
    elif method == "momentum":
        once, facts = momentum(*map(int, rest)), ""
    elif method in ("assignment", "emd"):
        once, facts = pairs(method, rest[0], int(rest[1]), int(rest[2])), ""
    else:
        once = transport(method, rest[0], int(rest[1]))
        facts = f"transport {once():.5g}"

    def work(times):
        for _ in range(times):
            once()

    serve(work, facts)


main()
