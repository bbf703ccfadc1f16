"""The U-Net of src/net/configure.c in plain PyTorch: python3 unet.py train|forward IMAGES BATCH CHANNELS SIDE

IMAGES is MNIST's file (IDX, gzip). A unit of work is a training step (draw a batch, noise it, forward, backward, Adam)
or a forward pass of one batch. THREADS in the environment: 2 unless said.
"""

import gzip
import math
import os
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


def read_images(path, side):
    """Bytes, n x 1 x side x side: what MNIST has, repeated to larger sides."""
    with gzip.open(path) as file:
        raw = numpy.frombuffer(file.read(), numpy.uint8)[16:].reshape(-1, 1, 28, 28)
    times = -(-side // 28)
    return torch.from_numpy(numpy.tile(raw, (1, 1, times, times))[:, :, :side, :side].copy())


def main():
    what, path = sys.argv[1:3]
    batch, channels, side = map(int, sys.argv[3:])
    torch.set_num_threads(int(os.environ.get("THREADS", 2)))
    torch.manual_seed(1)
    images, net = read_images(path, side), UNet(channels)
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
    serve({"train": train, "forward": forward}[what], f"parameters {parameters}")


if __name__ == "__main__":
    main()
