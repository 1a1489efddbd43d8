"""W5 with NumPy: exact sums over all pairs of spikes, or exponential filters on a grid of 1 ms with SciPy.

On the grid spike times are rounded, so that its distances are off by about one in a thousand.
"""

import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import harness
import numpy as np
import w5
from scipy.signal import lfilter

GRID = 1.0  # ms


def more(parser):
    parser.add_argument("--method", choices=("direct", "grid"), default="direct")


options = w5.options(__doc__, more)
a, b = w5.trains(options.seed)


def overlap(x, y):
    return np.exp(-np.abs(x[:, None] - y[None, :]) / w5.TAU).sum()


def direct_pairs():
    squares = [overlap(x, x) + overlap(y, y) - 2 * overlap(x, y) for x, y in zip(a, b, strict=True)]
    return np.sqrt(np.maximum(squares, 0))


def direct_cross():
    of_a, of_b = (np.array([overlap(x, x) for x in side]) for side in (a, b))
    both = np.array([[overlap(x, y) for y in b] for x in a])
    return np.sqrt(np.maximum(of_a[:, None] + of_b - 2 * both, 0))


def filtered(trains):
    bins = int(w5.DURATION / GRID)
    counts = np.stack([np.bincount((x / GRID).astype(int), minlength=bins)[:bins] for x in trains])
    return lfilter([1.0], [1.0, -math.exp(-GRID / w5.TAU)], counts.astype(float), axis=1)


def grid_pairs():
    return np.sqrt((1 - math.exp(-2 * GRID / w5.TAU)) * ((filtered(a) - filtered(b)) ** 2).sum(1))


def grid_cross():
    f, g = filtered(a), filtered(b)
    squares = (f * f).sum(1)[:, None] + (g * g).sum(1) - 2 * f @ g.T
    return np.sqrt(np.maximum((1 - math.exp(-2 * GRID / w5.TAU)) * squares, 0))


run = globals()[f"{options.method}_{options.task}"]
seconds, distances = harness.timed(run, options.repeat)
w5.emit("numpy", options, seconds, distances, version=np.__version__, method=options.method)
