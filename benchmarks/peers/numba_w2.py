"""W2 as a loop written for it and compiled by Numba: what plain compiled code reaches.

The two weights are constants, not an array; neurons that spiked are found eight at a time.
"""

import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import harness
import numba
import numpy as np
import workloads

options = harness.arguments(__doc__, more=workloads.w2_options)
n, dt = options.n, workloads.W2_DT
p = workloads.W2[options.model]
real = np.dtype(options.dtype).type
whole = np.int32 if options.dtype == "float32" else np.int64  # as wide as the numbers, for the sake of vectors
pre, post, weight, start = workloads.w2_network(options.model, n, options.seed)
offset = np.searchsorted(pre, np.arange(n + 1)).astype(np.int64)
target = post.astype(np.int32)
excitatory = workloads.w2_excitatory(n)
E_L, V_TH, V_RESET, REFRACTORY = real(p["E_L"]), real(p["v_th"]), real(p["v_reset"]), round(p["t_ref"] / dt)
W_E, W_I = real(p["w_e"]), real(p["w_i"] if options.model == "cuba" else -p["w_i"])
if options.model == "cuba":  # the exact solution
    decay_m, decay_e, decay_i = (math.exp(-dt / p[tau]) for tau in ("tau_m", "tau_e", "tau_i"))
    gain_e, gain_i = (
        p[tau] / (p[tau] - p["tau_m"]) * (decay - decay_m) for tau, decay in (("tau_e", decay_e), ("tau_i", decay_i))
    )
    E_E = E_I = 0.0
else:
    decay_m, decay_e, decay_i = dt / p["tau_m"], 1 - dt / p["tau_e"], 1 - dt / p["tau_i"]
    gain_e = gain_i = 0.0
    E_E, E_I = p["E_e"], p["E_i"]
DECAY_M, DECAY_E, DECAY_I, GAIN_E, GAIN_I = map(real, (decay_m, decay_e, decay_i, gain_e, gain_i))
E_E, E_I = real(E_E), real(E_I)


@numba.njit(fastmath=True)
def cuba(v, g_e, g_i, ready, now, fired):
    for i in range(v.size):
        x = E_L + DECAY_M * (v[i] - E_L) + GAIN_E * g_e[i] + GAIN_I * g_i[i]
        free = ready[i] <= now
        x = x if free else v[i]
        v[i] = x
        g_e[i] *= DECAY_E
        g_i[i] *= DECAY_I
        fired[i] = free & (x > V_TH)


@numba.njit(fastmath=True)
def coba(v, g_e, g_i, ready, now, fired):
    for i in range(v.size):
        old = v[i]
        x = old + DECAY_M * (g_e[i] * (E_E - old) + g_i[i] * (E_I - old) + (E_L - old))
        free = ready[i] <= now
        x = x if free else old
        v[i] = x
        g_e[i] *= DECAY_E
        g_i[i] *= DECAY_I
        fired[i] = free & (x > V_TH)


@numba.njit
def deliver(conductance, first, last, weight, target):
    for e in range(first, last):
        conductance[target[e]] += weight


update = {"cuba": cuba, "coba": coba}[options.model]


@numba.njit
def simulate(steps, v, g_e, g_i, offset, target, spike_neuron, spike_step):
    n = v.size
    ready = np.zeros(n, whole)
    fired = np.zeros((n + 7) // 8 * 8, np.uint8)
    words = fired.view(np.uint64)
    total = 0
    for t in range(steps):
        update(v, g_e, g_i, ready, whole(t), fired)
        for j in range(words.size):
            if words[j]:
                for i in range(8 * j, 8 * j + 8):
                    if fired[i]:
                        v[i] = V_RESET
                        ready[i] = t + REFRACTORY
                        spike_neuron[total] = i
                        spike_step[total] = t
                        total += 1
                        if i < excitatory:
                            deliver(g_e, offset[i], offset[i + 1], W_E, target)
                        else:
                            deliver(g_i, offset[i], offset[i + 1], W_I, target)
    return total


def run(steps=options.steps):
    v = start["v"].astype(real)
    g_e, g_i = (start.get(name, np.zeros(n)).astype(real) for name in ("g_e", "g_i"))
    room = n * (steps // REFRACTORY + 1)
    neuron, step = np.empty(room, np.int32), np.empty(room, np.int32)
    total = simulate(steps, v, g_e, g_i, offset, target, neuron, step)
    return neuron[:total], step[:total]


run(2)
seconds, (neuron, step) = harness.timed(run, options.repeat)
harness.emit(
    "w2",
    "numba",
    options,
    seconds,
    spikes=len(neuron),
    dt=dt,
    cv=harness.irregularity(neuron, step * dt),
    model=options.model,
    dtype=options.dtype,
    version=numba.__version__,
    network=workloads.fingerprint(pre, post, weight),
)
