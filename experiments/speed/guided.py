"""Samples of a class in PyTorch: python3 guided.py MODEL CLASSIFIER N STEPS FILE

What guided.c does, with the same weights, from the starting points and by the normals that it leaves in FILE: reverse
diffusion and Langevin's corrector of r = 0.16, under the score of a U-Net and the gradient of a classifier. The
networks are in single precision, the samples in double.
"""

import math
import os
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from rounds import serve
from unet import GROUPS, UNet, place, tensors

SIGMA_MIN, SIGMA_MAX, EPSILON, R = 0.01, 22.5, 1e-5, 0.16


class Waves(nn.Module):
    """Sines and cosines of a number, by frequencies that are a weight."""

    def __init__(self, count):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(count))

    def forward(self, label):
        angles = 2 * math.pi * label[:, None] * self.weight
        return torch.cat([angles.sin(), angles.cos()], dim=1)


class Layer(nn.Module):
    """Convolution, the time, norm, SiLU."""

    def __init__(self, inputs, outputs, told):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time = nn.Linear(told, outputs)
        self.norm = nn.GroupNorm(GROUPS, outputs)

    def forward(self, x, time):
        return F.silu(self.norm(self.conv(x) + self.time(time)[:, :, None, None]))


class Classifier(nn.Module):
    """The cnn of src/net/configure.c, told the time; its parts have the names of the weights in a file."""

    def __init__(self, channels, multipliers=(1, 2, 4), blocks=2, features=32, outputs=10):
        super().__init__()
        told, widths = 4 * channels, [channels * m for m in multipliers]
        self.time = nn.ModuleDict(
            {
                "embedding": Waves(features // 2),
                "linear1": nn.Linear(features, told),
                "linear2": nn.Linear(told, told),
            }
        )
        self.level = nn.ModuleList(
            nn.ModuleList(Layer(w if k else before, w, told) for k in range(blocks))
            for before, w in zip([1] + widths, widths)
        )
        self.out = nn.Linear(widths[-1], outputs)

    def forward(self, x, label):
        time = F.silu(self.time["linear1"](self.time["embedding"](label)))
        time = F.silu(self.time["linear2"](time))
        for k, layers in enumerate(self.level):
            if k > 0:
                x = F.avg_pool2d(x, 2)
            for layer in layers:
                x = layer(x, time)
        return self.out(x.mean((2, 3)))


def sigma(t):
    return SIGMA_MIN * (SIGMA_MAX / SIGMA_MIN) ** t


def inputs(x, scale, t):
    """What a network takes of samples x at time t: scaled images, and the label of each."""
    return (scale * x).float().view(-1, 1, 28, 28), torch.full((len(x),), math.log(sigma(t)))


def read_score(path):
    notes, weights = tensors(path)
    net = UNet(weights["in.weight"].shape[0], attention=[2])
    net.load_state_dict({place(name): torch.from_numpy(w) for name, w in weights.items()})
    deviation = float(notes["data_deviation"])

    @torch.no_grad()
    def score(x, t):
        total = math.hypot(deviation, sigma(t))
        out = net(*inputs(x, 1 / total, t)).view_as(x).double()
        return deviation / (total * sigma(t)) * out - x / total**2

    return score


def read_gradient(path, classes):
    """Of log p(class | x), each row's."""
    notes, weights = tensors(path)
    net = Classifier(weights["level.0.0.conv.weight"].shape[0])
    net.load_state_dict({name: torch.from_numpy(w) for name, w in weights.items()})
    net.requires_grad_(False)
    deviation = float(notes["data_deviation"])

    def gradient(x, t):
        scale = 1 / math.hypot(deviation, sigma(t))
        images, label = inputs(x, scale, t)
        images.requires_grad_()
        log_p = F.log_softmax(net(images, label), dim=1).gather(1, classes[:, None]).sum()
        return scale * torch.autograd.grad(log_p, images)[0].view_as(x).double()

    return gradient


def sample(score, gradient, times, start, noise):
    """The samples, and how often the guided score was evaluated; noise[k] is of the predictor and of the corrector."""
    x, evaluations = start, 0

    def guided(x, t):
        nonlocal evaluations
        evaluations += 1
        return score(x, t) + gradient(x, t)

    for (t, s), (z, z_corrector) in zip(zip(times, times[1:]), noise):
        variance = -(sigma(t) ** 2) * math.expm1(-2 * (t - s) * math.log(SIGMA_MAX / SIGMA_MIN))
        x = x + variance * guided(x, t) + math.sqrt(variance) * z
        g = guided(x, s)
        step = 2 * (R * float(z_corrector.norm(dim=1).mean() / g.norm(dim=1).mean())) ** 2
        x = x + step * g + math.sqrt(2 * step) * z_corrector
    return x, evaluations


def main():
    model, classifier, n, steps, path = sys.argv[1:]
    n, steps = int(n), int(steps)
    torch.set_num_threads(int(os.environ.get("THREADS", 2)))
    numbers = torch.from_numpy(np.load(path)).view(1 + 2 * steps, n, -1)
    score, gradient = read_score(model), read_gradient(classifier, torch.arange(n) % 10)
    times = np.linspace(1, EPSILON, steps + 1).tolist()

    def work(runs):
        for _ in range(runs):
            found = sample(score, gradient, times, numbers[0], numbers[1:].view(steps, 2, n, -1))
        return found

    x, evaluations = work(1)
    serve(work, f"evaluations {evaluations} mean {float(x.mean()):.9g} square {float((x**2).mean()):.9g}")


main()
