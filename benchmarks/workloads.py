"""What every simulator is given: parameters and networks. Needs only NumPy; read harness.py next.

W1 is Spikeometric's ``BernoulliGLM`` with the parameters of its introduction, which are pyspikenet's defaults. With x_j
the spikes and k = 0 the previous step of 1 ms::

    g_i(t+1) = sum_j W_ji sum_{k<5} exp(-0.2 k) x_j(t-k) + sum_{k<10} ref_k x_i(t-k)
    ref_k    = -100 for k < 3;  -30 exp(-0.5 (k-3)) for 3 <= k < 10
    P(spike) = 1 / (1 + exp(5 - g))

A random half of the neurons has spiked in the step before the first (:func:`w1_start`).
"""

import hashlib
import math

import numpy as np

W1 = {
    "theta": 5.0,
    "alpha": 0.2,
    "coupling_window": 5,
    "abs_ref_scale": 3,
    "abs_ref_strength": -100.0,
    "rel_ref_scale": 7,
    "rel_ref_strength": -30.0,
    "beta": 0.5,
    "r": 1.0,
}
W1_INDEGREE = {100: 50, 1000: 100, 5000: 100}
W1_STEPS = 10_000


def w1_network(n, seed=1):
    """Synapses (pre, post, weight), sorted; about 5,000, 100,000 and 500,000 for the three sizes of W1.

    The law of Spikeometric's ``NormalGenerator(mean=0)``: row k of a half matrix belongs to the excitatory neuron k
    where it is positive and to the inhibitory neuron k + n/2 where it is negative; each entry exists with probability
    2K/n, which gives an in-degree of K; no autapses. Standard deviation 5 / sqrt(2K), at n = 100 the generator's own
    ``glorot``.
    """
    k = W1_INDEGREE.get(n, min(100, n // 2))
    rng = np.random.default_rng(seed)
    half = n // 2
    matrix = rng.standard_normal((half, n), dtype=np.float32)
    matrix *= np.float32(5.0 / math.sqrt(2 * k))
    if 2 * k < n:
        matrix[rng.random((half, n), dtype=np.float32) > 2.0 * k / n] = 0
    row, post = np.nonzero(matrix)
    weight = matrix[row, post]
    pre = np.where(weight > 0, row, row + half)
    keep = pre != post
    pre, post, weight = pre[keep], post[keep], weight[keep]
    order = np.lexsort((post, pre))
    return pre[order].astype(np.int64), post[order].astype(np.int64), weight[order].astype(np.float32)


def w1_start(n):
    """Which neurons have spiked in the step before the first."""
    return np.random.default_rng(1).random(n) < 0.5


def w1_filters():
    """Coupling filter (5 steps) and refractory filter (10 steps); index 0 weights the spike one step ago."""
    coupling = np.exp(-W1["alpha"] * np.arange(W1["coupling_window"]))
    k = np.arange(W1["abs_ref_scale"] + W1["rel_ref_scale"])
    relative = W1["rel_ref_strength"] * np.exp(-W1["beta"] * (k - W1["abs_ref_scale"]))
    refractory = np.where(k < W1["abs_ref_scale"], W1["abs_ref_strength"], relative)
    return coupling.astype(np.float32), refractory.astype(np.float32)


def sparse_network(n=34_000, m=49_000, seed=7):
    """A large and very sparse network, as a reconstructed neuropil: neurons dominate, not synapses."""
    rng = np.random.default_rng(seed)
    pre, post = rng.integers(0, n, (2, m))
    return pre, post, rng.normal(0, 1, m).astype(np.float32)


# A network of 10^8 synapses; pyspikenet draws it, since memory is what is measured.
LARGE = {"n": 100_000, "indegree": 1000, "weight": 0.01, "dtype": "float32", "seed": 1}


def fingerprint(pre, post, weight):
    """Tells whether two simulators had the same network to the bit."""
    digest = hashlib.sha256()
    for array, kind in ((pre, np.int64), (post, np.int64), (weight, np.float32)):
        digest.update(np.ascontiguousarray(array, dtype=kind))
    return digest.hexdigest()[:16]
