"""W4: a population of candidates, as a search judges them, of one AdEx cell (adex) or a network of 100 cells (net).

``adex``, times in ms, voltages in mV, currents in pA, forward Euler in steps of 0.1 ms, the same current for all::

    C dv/dt     = g_L (E_L - v) + g_L D_T exp((v - V_T) / D_T) - w + I(t)
    tau_w dw/dt = a (v - E_L) - w;      v > 0: a spike, v = V_r, w += b

``net``: the neuron of W2's CUBA network, exactly integrated; all candidates share a graph of 80 excitatory and 20
inhibitory cells, p = 0.1, and differ in tau_m, E_L and the weights of excitation and inhibition.

1 s each; the result is the number of spikes. Needs only NumPy.
"""

import math

import numpy as np

TASKS = ("adex", "net")
DT, DURATION = 0.1, 1000.0
N, N_EXC, P = 100, 80, 0.1
CUBA = {"v_th": -50.0, "v_reset": -60.0, "t_ref": 5.0, "tau_e": 5.0, "tau_i": 10.0}


def steps():
    return round(DURATION / DT)


def adex(candidates, seed=4):
    """Parameters by name, one value per candidate, and the current [pA] in each step."""
    random = np.random.default_rng(seed)
    ranges = {
        "C": (100, 300), "g_L": (6, 20), "E_L": (-75, -60), "V_T": (-55, -45), "D_T": (1, 4), "a": (0, 8),
        "tau_w": (50, 250), "b": (10, 120), "V_r": (-70, -50),
    }  # fmt: skip
    values = {name: random.uniform(*ends, candidates) for name, ends in ranges.items()}
    noise, current, x = random.standard_normal(steps()), np.empty(steps()), 0.0
    for k in range(steps()):
        x += -x * DT / 5.0 + math.sqrt(2 * DT / 5.0) * noise[k]
        current[k] = x
    current = 300.0 + 100.0 * current
    current[: round(100 / DT)] = 0.0
    return values, current


def net(candidates, seed=5):
    """Synapses (pre, post), parameters by name, one value per candidate, and v at the begin [mV]."""
    random = np.random.default_rng(seed)
    mask = random.random((N, N)) < P
    np.fill_diagonal(mask, False)
    pre, post = np.nonzero(mask)
    values = {
        "tau_m": random.uniform(10, 30, candidates), "E_L": random.uniform(-49.5, -45, candidates),
        "w_e": random.uniform(0.5, 4.0, candidates), "w_i": -random.uniform(2.0, 12.0, candidates),
    }  # fmt: skip
    return pre.astype(np.int32), post.astype(np.int32), values, -60.0 + 10.0 * random.random(N)


def add_options(parser):
    """Options of W4 for harness.arguments."""
    parser.add_argument("--task", choices=TASKS, default="adex")
    parser.add_argument("--candidates", type=int, default=64)
