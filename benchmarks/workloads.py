"""What every simulator is given: parameters and networks. Needs only NumPy; read harness.py next.

W1 is Spikeometric's ``BernoulliGLM`` with the parameters of its introduction, which are pyspikenet's defaults. With x_j
the spikes and k = 0 the previous step of 1 ms::

    g_i(t+1) = sum_j W_ji sum_{k<5} exp(-0.2 k) x_j(t-k) + sum_{k<10} ref_k x_i(t-k)
    ref_k    = -100 for k < 3;  -30 exp(-0.5 (k-3)) for 3 <= k < 10
    P(spike) = 1 / (1 + exp(5 - g))

A random half of the neurons has spiked in the step before the first (:func:`w1_start`).

W2 is the network of Vogels and Abbott (2005) as in Brian's examples CUBA and COBA, times in ms and voltages in mV::

    CUBA   tau_m dv/dt = E_L - v + g_e + g_i
    COBA   tau_m dv/dt = E_L - v + g_e (E_e - v) + g_i (E_i - v)
    both   tau_e dg_e/dt = -g_e,  tau_i dg_i/dt = -g_i

v > v_th is a spike: v is held at v_reset until t_ref after the step of the spike, and g_e or g_i of every target grows
by the weight, which counts from the next step on; both decay on while v is held. In NEST, whose shortest delay is a
step, spikes count and v is released one step later. The first four fifths of the neurons are excitatory. CUBA is
integrated exactly, COBA, with g in units of the leak, by the method of Euler, but in NEST with adaptive steps.
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


W2 = {
    "cuba": {"tau_m": 20.0, "tau_e": 5.0, "tau_i": 10.0, "E_L": -49.0, "v_th": -50.0, "v_reset": -60.0, "t_ref": 5.0},
    "coba": {"tau_m": 20.0, "tau_e": 5.0, "tau_i": 10.0, "E_L": -60.0, "v_th": -50.0, "v_reset": -60.0, "t_ref": 5.0},
}
W2["cuba"] |= {"w_e": 60 * 0.27 / 10, "w_i": -20 * 4.5 / 10}
W2["coba"] |= {"w_e": 0.6, "w_i": -6.7, "E_e": 0.0, "E_i": -80.0}  # the sign says which conductance
W2_DT = 0.1
W2_INDEGREE = 80
W2_SIZES = {"cuba": (4000, 16_000, 64_000), "coba": (4000,)}


def w2_options(parser, dtypes=("float64", "float32")):
    """The options of a script for W2, for harness.arguments; with seed 2, 4000 neurons have 320,069 synapses."""
    parser.set_defaults(n=4000, seed=2)
    parser.add_argument("--model", choices=tuple(W2), default="cuba")
    parser.add_argument("--dtype", choices=dtypes, default=dtypes[0])


def w2_network(model, n=4000, seed=2):
    """Synapses (pre, post, weight), sorted, and the initial state by name; all four depend on the seed.

    Every pair is joined with probability 80/n, which is 2 % for 4000 neurons. The weights do not depend on n, nor
    does what a neuron receives. The state: v for CUBA; v, g_e and g_i, in units of the leak, for COBA.
    """
    p = W2[model]
    rng = np.random.default_rng(seed)
    degree = rng.binomial(n, W2_INDEGREE / n, size=n)
    pre = np.repeat(np.arange(n), degree)
    post = np.concatenate([np.sort(rng.choice(n, k, replace=False)) for k in degree])
    weight = np.where(pre < w2_excitatory(n), p["w_e"], p["w_i"])
    if model == "cuba":
        return pre, post, weight, {"v": p["v_reset"] + rng.random(n) * (p["v_th"] - p["v_reset"])}
    v, g_e, g_i = rng.standard_normal((3, n))
    return pre, post, weight, {"v": p["E_L"] + 5 * v - 5, "g_e": 1.5 * g_e + 4, "g_i": 12 * g_i + 20}


def w2_excitatory(n):
    """The number of excitatory neurons."""
    return 4 * n // 5


W3 = {"batch": 10, "steps": 400, "dt": 1.0, "tau_m": 20.0, "theta": 1.0, "slope": 25.0, "tau_vr": 10.0}


def w3_options(parser):
    """The options of a script for W3, for harness.arguments."""
    parser.set_defaults(n=100, seed=3, steps=W3["steps"])
    parser.add_argument("--density", type=float, default=1.0, help="part of the weights that are there")


def w3_data(n, density=1.0, seed=3):
    """Input x and target spikes (time, trial, neuron), weights W (post, pre), and bias, beta, theta by neuron::

        u[t] = beta v[t-1] + x[t] + s[t-1] W^T + b - stop(s[t-1]) theta,   v[t] = u[t],   v[-1] = s[-1] = 0
        s[t] = H(u[t] - theta),   dH/dz := 1 / (1 + slope |z|)^2
        loss = dt/tau sum over t, n of (f * (s - target))^2 / trials,   f = exp(-t / tau)

    stop() passes no gradient. Trained: W, b, beta, theta.
    """
    rng = np.random.default_rng(seed)
    shape = (W3["steps"], W3["batch"], n)
    x = np.float32(0.6) * (rng.random(shape, dtype=np.float32) < 0.1)
    target = (rng.random(shape, dtype=np.float32) < 0.02).astype(np.float32)
    weights = rng.standard_normal((n, n), dtype=np.float32) * np.float32(0.3 / math.sqrt(n * density))
    if density < 1:
        weights[rng.random((n, n)) >= density] = 0
    decay = np.full(n, math.exp(-W3["dt"] / W3["tau_m"]), np.float32)
    return x, target, weights, np.full(n, 0.01, np.float32), decay, np.full(n, W3["theta"], np.float32)


def w3_kernel():
    """The filter of the loss as a matrix (time, time): exp(-(t - t') dt / tau) for t' <= t."""
    lag = np.arange(W3["steps"])[:, None] - np.arange(W3["steps"])[None, :]
    return np.where(lag >= 0, np.exp(-np.maximum(lag, 0) * W3["dt"] / W3["tau_vr"]), 0.0).astype(np.float32)


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
