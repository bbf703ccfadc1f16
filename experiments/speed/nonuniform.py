"""Non-Uniform Diffusion Models with PyWavelets, scikit-image and numpy:

    python3 nonuniform.py haar N SIDE
    python3 nonuniform.py ssim N SIDE CHANNELS
    python3 nonuniform.py cmde N STEPS

A unit of work is that of nonuniform.c.
"""

import sys

import numpy as np

from rounds import serve


def fractions(step, *shape):
    return np.fmod(np.arange(np.prod(shape)) * step, 1).reshape(shape)


def haar(n, side):
    import pywt

    x = fractions(np.sqrt(2), n, side, side, 3)

    def once():
        c = pywt.wavedec2(x, "haar", level=3, axes=(1, 2))
        return c, pywt.waverec2(c, "haar", axes=(1, 2))

    c, back = once()
    return once, f"energy {(c[0] ** 2).sum():.15g} error {abs(back - x).max():g}"


def ssim(n, side, channels):
    from skimage.metrics import structural_similarity

    x = fractions(np.sqrt(2), n, side, side, channels)
    y = (x + fractions(np.sqrt(3), n, side, side, channels)) / 2

    def once():
        return np.mean(
            [
                structural_similarity(
                    a, b, data_range=1, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
                )
                for a, b in zip(x, y)
            ]
        )

    return once, f"ssim {once():.17g}"


def cmde(n, steps, k=3, d=4):
    rng, low, high = np.random.default_rng(1), 0.01, np.repeat([10.0, 1.0], 2)
    m = 2 * np.sin(1 + np.arange(k * d)).reshape(k, d)
    root = np.tril(0.3 * np.cos(np.arange(k * d * d)).reshape(k, d, d))
    root[:, range(d), range(d)] = 0.5
    covariances = root @ root.transpose(0, 2, 1)
    y = fractions(np.sqrt(2), n, 2)
    times = np.linspace(1, 1e-3, steps + 1)

    def score(z, variance):
        log_p, pulls = np.empty((k, n)), np.empty((k, n, d))
        for i in range(k):
            v = covariances[i] + np.diag(variance)
            delta = z - m[i]
            pulls[i] = delta @ np.linalg.inv(v)
            log_p[i] = -0.5 * (np.einsum("nj,nj->n", pulls[i], delta) + np.linalg.slogdet(v)[1])
        p = np.exp(log_p - log_p.max(0))
        return -np.einsum("kn,knj->nj", p / p.sum(0), pulls[:, :, :2])

    def once():
        x = high[0] * rng.normal(size=(n, 2))
        for t, s in zip(times, times[1:]):
            sd = low * (high / low) ** t
            z = np.hstack([x, y + sd[2:] * rng.normal(size=(n, 2))])
            g2 = 2 * np.log(high[0] / low) * sd[0] ** 2
            x = x + g2 * (t - s) * score(z, sd**2) + np.sqrt(g2 * (t - s)) * rng.normal(size=(n, 2))
        return x

    return once, f"deviation {once().std():.9g}"


def main():
    method, rest = sys.argv[1], map(int, sys.argv[2:])
    once, facts = {"haar": haar, "ssim": ssim, "cmde": cmde}[method](*rest)

    def work(times):
        for _ in range(times):
            once()

    serve(work, facts)


main()
