"""W1 as a loop written for it and compiled by Numba: what plain compiled code reaches, float32.

The history of spikes is a word of 10 bits per neuron and indexes a table of refractory drives; the coupling filter
that is cut off after 5 steps is the recursion h <- exp(-alpha) h + u(t) - exp(-5 alpha) u(t-5).
"""

import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import harness
import numba
import numpy as np
import workloads

options = harness.arguments(__doc__)
n = options.n
pre, post, weight = workloads.w1_network(n)
_, refractory = workloads.w1_filters()
offset = np.searchsorted(pre, np.arange(n + 1)).astype(np.int64)
target = post.astype(np.int32)
histories = np.arange(1024)[:, None] >> np.arange(10) & 1
table = (histories @ refractory.astype(float) - workloads.W1["theta"]).astype(np.float32)
decay = np.float32(math.exp(-workloads.W1["alpha"]))
tail = np.float32(math.exp(-workloads.W1["alpha"] * workloads.W1["coupling_window"]))


@numba.njit(fastmath=True)
def deliver(row, offset, target, weight, spiking, count):
    for k in range(count):
        i = spiking[k]
        for e in range(offset[i], offset[i + 1]):
            row[target[e]] += weight[e]


@numba.njit(fastmath=True)
def drive(h, new, old, g, history, table, decay, tail):
    for i in range(h.size):
        h[i] = decay * h[i] + new[i] - tail * old[i]
        g[i] = h[i] + table[history[i]]
        old[i] = 0


@numba.njit(fastmath=True)
def fire(g, history, spiking, state, raster):
    count = 0
    one = np.float32(1)
    scale = np.float32(1.0 / 16777216.0)
    for i in range(g.size):
        state ^= state << np.uint64(13)
        state ^= state >> np.uint64(7)
        state ^= state << np.uint64(17)
        u = np.float32(state >> np.uint64(40)) * scale
        word = (history[i] << 1) & 1023
        if u * (one + np.exp(-g[i])) < one:  # u < 1 / (1 + exp(-g))
            word |= 1
            spiking[count] = i
            count += 1
            raster[i] = True
        history[i] = word
    return count, state


@numba.njit
def simulate(n, steps, offset, target, weight, table, decay, tail, start, raster, state):
    rows = np.zeros((6, n), np.float32)
    h = np.zeros(n, np.float32)
    g = np.zeros(n, np.float32)
    history = np.zeros(n, np.int32)
    spiking = np.empty(n, np.int32)
    count = 0
    for i in range(n):
        if start[i]:
            spiking[count] = i
            count += 1
            history[i] = 1
    total = 0
    for t in range(steps):
        new, old = rows[t % 6], rows[(t + 1) % 6]  # old is u(t-5), cleared after its last use
        deliver(new, offset, target, weight, spiking, count)
        drive(h, new, old, g, history, table, decay, tail)
        count, state = fire(g, history, spiking, state, raster[t])
        total += count
    return total


def run(steps=options.steps):
    raster = np.zeros((steps, n), np.bool_)
    state = np.uint64(88172645463325252 + options.seed)
    return simulate(n, steps, offset, target, weight, table, decay, tail, workloads.w1_start(n), raster, state)


run(2)
seconds, count = harness.timed(run, options.repeat)
harness.emit(
    "w1",
    "numba",
    options,
    seconds,
    spikes=count,
    version=numba.__version__,
    network=workloads.fingerprint(pre, post, weight),
)
