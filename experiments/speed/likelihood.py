"""Likelihoods by the flow, with scipy's RK45: python3 likelihood.py mixture FILE N TOLERANCE D K | network FILE N
TOLERANCE MODEL IMAGES

The law, the points and the directions are those of likelihood.c, which leaves them in FILE. The mixture's score and its
divergence are numpy's, found together; the network is PyTorch's, with the weights of MODEL, and one forward and one
backward pass give both. All points are one system of equations.
"""

import math
import os
import sys

import numpy as np
from scipy.integrate import solve_ivp

from rounds import serve

BETA_MIN, BETA_MAX, EPSILON = 0.1, 20.0, 1e-5


def vp(t):
    """beta, and the mean's factor and the variance of the noise, of the VP SDE."""
    integral = BETA_MIN * t + (BETA_MAX - BETA_MIN) * t**2 / 2
    return BETA_MIN + (BETA_MAX - BETA_MIN) * t, math.exp(-integral / 2), -math.expm1(-integral)


def log_likelihood(score, x, tolerance):
    """log p of the rows of x, and the evaluations; score(x, t) is the score and its divergence."""
    n, d = x.shape

    def slope(t, state):
        x, beta = state[: n * d].reshape(n, d), vp(t)[0]
        s, divergence = score(x, t)
        return np.concatenate([(-beta / 2 * (x + s)).ravel(), -beta / 2 * (d + divergence)])

    start = np.concatenate([x.ravel(), np.zeros(n)])
    found = solve_ivp(slope, (EPSILON, 1), start, rtol=tolerance, atol=tolerance, method="RK45")
    code = found.y[: n * d, -1].reshape(n, d)
    prior = -(code**2).sum(1) / 2 - d / 2 * math.log(2 * math.pi)
    return prior + found.y[n * d :, -1], found.nfev


def mixture(mu, variance):
    """s = sum_k r_k g_k with g_k = (a mu_k - x) / v_k; its divergence is sum_k r_k (|g_k|^2 - d / v_k) - |s|^2."""
    d = mu.shape[1]
    squares = (mu**2).sum(1)

    def score(x, t):
        _, a, noise = vp(t)
        v = a * a * variance + noise
        distance = np.einsum("ij,ij->i", x, x)[:, None] - 2 * a * (x @ mu.T) + a * a * squares
        r = -distance / (2 * v) - d / 2 * np.log(v)
        r = np.exp(r - r.max(1, keepdims=True))
        r /= r.sum(1, keepdims=True)
        w = r / v
        s = a * (w @ mu) - w.sum(1, keepdims=True) * x
        return s, (w * (distance / v - d)).sum(1) - np.einsum("ij,ij->i", s, s)

    return score


def network(path, directions):
    import torch

    from unet import UNet, place, tensors

    torch.set_num_threads(int(os.environ.get("THREADS", 2)))
    notes, weights = tensors(path)
    net = UNet(weights["in.weight"].shape[0], attention=[2])
    net.load_state_dict({place(name): torch.from_numpy(w) for name, w in weights.items()})
    net.requires_grad_(False)
    deviation = float(notes["data_deviation"])
    v = torch.from_numpy(directions.astype(np.float32))

    def score(x, t):
        _, a, noise = vp(t)
        scale = 1 / math.sqrt((a * deviation) ** 2 + noise)
        inputs = torch.from_numpy((scale * x).astype(np.float32)).requires_grad_()
        z = net(inputs.view(-1, 1, 28, 28), torch.full((len(x),), 1000 * t)).view(len(x), -1)
        (back,) = torch.autograd.grad(z, inputs, v)
        sd = math.sqrt(noise)
        return z.detach().numpy().astype(float) / -sd, -scale / sd * (v * back).sum(1).numpy().astype(float)

    return score


def main():
    what, path, n, tolerance, first, second = sys.argv[1:]
    numbers, n = np.load(path), int(n)
    if what == "mixture":
        k = int(second)
        x, score = numbers[k:], mixture(numbers[:k], np.linspace(0.1, 0.5, k) ** 2)
    else:
        x, score = numbers[:n], network(first, numbers[n:])

    def work(times):
        for _ in range(times):
            found = log_likelihood(score, x, float(tolerance))
        return found

    log_p, evaluations = work(1)
    serve(work, f"evaluations {evaluations} log_p {log_p.mean():.9g}")


main()
