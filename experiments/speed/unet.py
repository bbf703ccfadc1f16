"""The U-Net of src/net/configure.c in plain PyTorch: python3 unet.py train|forward IMAGES BATCH CHANNELS SIDE
or python3 unet.py consistency|denoising IMAGES BATCH CHANNELS SIDE [FILE]

IMAGES is MNIST's file (IDX, gzip). A unit of work is a training step (draw a batch, noise it, forward, backward, Adam)
or a forward pass of one batch. THREADS in the environment: 2 unless said.

consistency: a training step on EDM's terms (preconditioning, weight, levels) and of consistency: from each point two paths
of six Euler-Maruyama steps without gradient, which share the denoiser at the point. denoising: without paths. With a FILE
the facts are those of the weights and the batch that unet.c leaves there.
"""

import gzip
import json
import math
import os
import struct
import sys

import numpy
import torch
from torch import nn
from torch.nn import functional as F

from rounds import serve

GROUPS, FEATURES = 8, 32


class Attention(nn.Module):
    """Among all pixels of a norm of the input; plus the input."""

    def __init__(self, channels):
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.query, self.key, self.value, self.out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, x):
        h = self.norm(x)
        q, k, v = (made(h).flatten(2) for made in (self.query, self.key, self.value))
        among = torch.softmax(q.transpose(1, 2) @ k / math.sqrt(q.shape[1]), dim=2)
        return x + self.out((v @ among.transpose(1, 2)).view_as(x))


class Block(nn.Module):
    """Norm, SiLU, convolution, the time; again; plus the input, through a 1 x 1 convolution where channels change."""

    def __init__(self, inputs, outputs, told, attention):
        super().__init__()
        self.norm1 = nn.GroupNorm(GROUPS, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time = nn.Linear(told, outputs)
        self.norm2 = nn.GroupNorm(GROUPS, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.attention = Attention(outputs) if attention else nn.Identity()

    def forward(self, x, time):
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.time(time)[:, :, None, None]
        return self.attention(self.conv2(F.silu(self.norm2(h))) + self.skip(x))


class UNet(nn.Module):
    def __init__(self, channels, multipliers=(1, 2, 2), attention=()):
        """attention: the levels that have it."""
        super().__init__()
        widths = [channels * m for m in multipliers]
        told = 4 * channels
        frequencies = 1e4 ** -(torch.arange(FEATURES // 2) / (FEATURES // 2 - 1))
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.linear1 = nn.Linear(FEATURES, told)
        self.linear2 = nn.Linear(told, told)
        self.first = nn.Conv2d(1, widths[0], 3, padding=1)
        levels = list(enumerate(widths))
        self.down = nn.ModuleList(Block(widths[max(k - 1, 0)], w, told, k in attention) for k, w in levels)
        self.middle = Block(widths[-1], widths[-1], told, False)
        below = [widths[-1]] + widths[:0:-1]  # the channels that come up to each level, lowest level first
        self.up = nn.ModuleList(Block(b + w, w, told, k in attention) for b, (k, w) in zip(below, levels[::-1]))
        self.norm = nn.GroupNorm(GROUPS, widths[0])
        self.last = nn.Conv2d(widths[0], 1, 3, padding=1)

    def forward(self, x, label):
        angles = label[:, None] * self.frequencies
        time = torch.cat([angles.sin(), angles.cos()], dim=1)
        time = F.silu(self.linear2(F.silu(self.linear1(time))))
        h, kept = self.first(x), []
        for level, block in enumerate(self.down):
            if level > 0:
                h = F.avg_pool2d(h, 2)
            h = block(h, time)
            kept.append(h)
        h = self.middle(h, time)
        for level, block in enumerate(self.up):
            if level > 0:
                h = F.interpolate(h, scale_factor=2)
            h = block(torch.cat([h, kept.pop()], dim=1), time)
        return self.last(F.silu(self.norm(h)))


def tensors(path):
    """The notes of a safetensors file, and its tensors in single precision."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    notes, found = header.pop("__metadata__"), {}
    for name, entry in header.items():
        first, end = entry["data_offsets"]
        kind = {"F16": "<f2", "F32": "<f4"}[entry["dtype"]]
        found[name] = numpy.frombuffer(data[first:end], kind).reshape(entry["shape"]).astype(numpy.float32)
    return notes, found


# What unet.py calls a tensor of ours, from its first letters on; it counts levels on the way up from the lowest.
PLACES = {"time.linear": "linear", "in.": "first.", "out.norm": "norm", "out.conv": "last"}
PLACES.update({f"down.{k}.0": f"down.{k}" for k in range(3)})
PLACES.update({f"up.{k}.0": f"up.{2 - k}" for k in range(3)})


def place(name):
    start = next((start for start in PLACES if name.startswith(start)), "")
    return PLACES.get(start, "") + name[len(start) :]


def read_images(path, side):
    """Bytes, n x 1 x side x side: what MNIST has, repeated to larger sides."""
    with gzip.open(path) as file:
        raw = numpy.frombuffer(file.read(), numpy.uint8)[16:].reshape(-1, 1, 28, 28)
    times = -(-side // 28)
    return torch.from_numpy(numpy.tile(raw, (1, 1, times, times))[:, :, :side, :side].copy())


# ---- Consistency

DEVIATION, LAMBDA, WINDOW, STEPS, RHO, SIGMA_MIN = 0.6, 20.0, 0.05, 6, 7, 0.002


def wide(numbers):
    return numbers[:, None, None, None]


def denoiser(net, x, sigma):
    """EDM's preconditioning of the network."""
    total = sigma**2 + DEVIATION**2
    c_skip, c_out, c_in = DEVIATION**2 / total, sigma * DEVIATION / total.sqrt(), 1 / total.sqrt()
    return wide(c_skip) * x + wide(c_out) * net(wide(c_in) * x, sigma.log() / 4)


@torch.no_grad()
def path(net, x, h, t, s, noise):
    """From times t to s; h is the denoiser at the start, noise(j) the normals of step j."""
    here = t
    for j in range(STEPS):
        below = (t ** (1 / RHO) + (j + 1) / STEPS * (s ** (1 / RHO) - t ** (1 / RHO))) ** RHO
        if j > 0:
            h = denoiser(net, x, here)
        dt = here - below
        x = x + wide(2 * dt / here) * (h - x) + wide((2 * here * dt).sqrt()) * noise(j)
        here = below
    return x


def losses(net, x_0, z, t, s, noise):
    """Of a batch: denoising by EDM's weight, and consistency; noise(p, j) is of path p."""
    x = x_0 + wide(t) * z
    h = denoiser(net, x, t)
    data = (wide((t**2 + DEVIATION**2) / (t * DEVIATION) ** 2) * (h - x_0) ** 2).mean()
    if s is None:
        return data, torch.zeros(())
    ends = [path(net, x, h.detach(), t, s, lambda j, p=p: noise(p, j)) for p in range(2)]
    h_1, h_2 = denoiser(net, torch.cat(ends), torch.cat([s, s])).chunk(2)
    return data, LAMBDA / 2 * ((h_1 - h) * (h_2 - h)).mean()


def gradient_norm(net, loss):
    grads = torch.autograd.grad(loss, list(net.parameters()), retain_graph=True)
    return math.sqrt(sum(float((g.double() ** 2).sum()) for g in grads))


def facts_of(file, net, shape, with_paths):
    """The loss and its gradient's norm with the weights and the batch in the file, and those of the paths alone."""
    weights = {name: torch.from_numpy(w) for name, w in tensors(file)[1].items()}
    known = {name: weights.pop("batch." + name) for name in ("x_0", "z", "times", "noise")}
    net.load_state_dict({place(name): w for name, w in weights.items()})
    t, s = known["times"][0], known["times"][1] if with_paths else None
    noise = known["noise"].view(2, STEPS, *shape)
    data, paths = losses(net, known["x_0"].view(shape), known["z"].view(shape), t, s, lambda p, j: noise[p, j])
    facts = f"loss {float(data + paths):.6g} norm {gradient_norm(net, data + paths):.6g}"
    if with_paths:
        facts += f" of_paths {float(paths):.6g} norm_of_paths {gradient_norm(net, paths):.6g}"
    return facts


def steps_of_consistency(images, batch, net, adam, with_paths):
    def work(steps):
        for _ in range(steps):
            x_0 = images[torch.randint(len(images), (batch,))].float() / 127.5 - 1
            t = torch.exp(-1.2 + 1.2 * torch.randn(batch)).clamp_min(1.001 * SIGMA_MIN)
            s = t - torch.rand(batch) * (t - (t - WINDOW).clamp_min(SIGMA_MIN)) if with_paths else None
            data, paths = losses(net, x_0, torch.randn_like(x_0), t, s, lambda p, j: torch.randn_like(x_0))
            adam.zero_grad(set_to_none=True)
            (data + paths).backward()
            adam.step()
        if not math.isfinite(float(data)):
            sys.exit("the loss is not finite")

    return work


def main():
    what, file = sys.argv[1:3]
    batch, channels, side = map(int, sys.argv[3:6])
    torch.set_num_threads(int(os.environ.get("THREADS", 2)))
    torch.manual_seed(1)
    images, net = read_images(file, side), UNet(channels)
    adam = torch.optim.Adam(net.parameters(), lr=2e-4)
    beta_min, beta_max, t_min = 0.1, 20.0, 1e-5

    def noised():
        """A batch of x_t of the VP SDE at uniform times, the noise in it, and the label 1000 t."""
        x = images[torch.randint(len(images), (batch,))].float() / 127.5 - 1
        t = t_min + (1 - t_min) * torch.rand(batch)
        integral = beta_min * t + (beta_max - beta_min) * t**2 / 2
        a, sd = torch.exp(-integral / 2)[:, None, None, None], torch.sqrt(1 - torch.exp(-integral))[:, None, None, None]
        z = torch.randn_like(x)
        return a * x + sd * z, 1000 * t, z

    def train(steps):
        for _ in range(steps):
            x, label, z = noised()
            loss = F.mse_loss(net(x, label), z)
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
        if not math.isfinite(loss.item()):
            sys.exit("the loss is not finite")

    @torch.inference_mode()
    def forward(passes):
        for _ in range(passes):
            net(*sample)

    sample = noised()[:2]
    parameters = sum(p.numel() for p in net.parameters())
    if what in ("consistency", "denoising"):
        with_paths, file = what == "consistency", sys.argv[6:]
        facts = facts_of(*file, net, (batch, 1, side, side), with_paths) if file else ""
        serve(steps_of_consistency(images, batch, net, adam, with_paths), f"parameters {parameters} {facts}")
        return
    serve({"train": train, "forward": forward}[what], f"parameters {parameters}")


if __name__ == "__main__":
    main()
