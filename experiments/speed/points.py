"""The exact score of a data set with numpy and scipy: python3 points.py IMAGES N

IMAGES is MNIST's file (IDX, gzip), all of it the law's points. A unit of work is the score of N points under the VP
SDE, at a time where many images count.
"""

import gzip
import sys

import numpy as np
from scipy.special import softmax

from rounds import serve

M, SD = 0.5, np.sqrt(0.75)


def main():
    path, n = sys.argv[1], int(sys.argv[2])
    with gzip.open(path) as file:
        mu = np.frombuffer(file.read(), np.uint8)[16:].reshape(-1, 784) / 127.5 - 1
    rng = np.random.default_rng(1)
    half_norm = (mu**2).sum(axis=1) / 2
    x = M * mu[:n] + 10 * SD * rng.standard_normal((n, 784))

    def score(times):
        for _ in range(times):
            logits = x @ mu.T
            logits -= M * half_norm
            logits *= M / SD**2
            g = softmax(logits, axis=1) @ mu
            g *= M
            g -= x
            g /= SD**2

    serve(score, f"evaluations {n}")


main()
