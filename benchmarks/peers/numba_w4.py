"""W4 in Numba: the compiled loop over candidates, each with its own network, parallel over candidates."""

import math

import harness
import numba
import numpy as np
import w4


def more(parser):
    w4.add_options(parser)
    parser.add_argument("--dtype", choices=("float64", "float32"), default="float64")


options = harness.arguments(__doc__, steps=w4.steps(), more=more)
numba.set_num_threads(options.threads)
real = np.dtype(options.dtype).type


@numba.njit(parallel=True, fastmath=True)
def adex(parameters, current, dt, count):
    for c in numba.prange(parameters.shape[0]):
        p = parameters[c]
        C, g_L, E_L, V_T, D_T, a, tau_w, b, V_r = p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8]
        v, w, k = E_L, p[0] - p[0], 0
        for t in range(current.size):
            dv = dt / C * (g_L * (E_L - v) + g_L * D_T * math.exp((v - V_T) / D_T) - w + current[t])
            w += dt / tau_w * (a * (v - E_L) - w)
            v += dv
            if v > 0:
                v = V_r
                w += b
                k += 1
        count[c] = k


@numba.njit(parallel=True, fastmath=True)
def net(parameters, start, offset, post, n_exc, steps, refractory, threshold, reset, count):
    for c in numba.prange(parameters.shape[0]):
        p = parameters[c]
        E_L, w_e, w_i, decay, decay_e, decay_i, gain_e, gain_i = p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]
        n = start.size
        v = start.copy()
        g_e, g_i = np.zeros_like(v), np.zeros_like(v)
        ready, fired = np.zeros(n, np.int32), np.zeros(n, np.uint8)
        k = 0
        for t in range(steps):
            now = np.int32(t)
            hit = 0
            for i in range(n):
                moved = E_L + decay * (v[i] - E_L) + gain_e * g_e[i] + gain_i * g_i[i]
                free = ready[i] <= now
                x = moved if free else v[i]
                v[i] = x
                g_e[i] *= decay_e
                g_i[i] *= decay_i
                f = free and x > threshold
                fired[i] = f
                hit += f
            if hit:
                for i in range(n):
                    if fired[i]:
                        k += 1
                        v[i] = reset
                        ready[i] = t + refractory
                        if i < n_exc:
                            for e in range(offset[i], offset[i + 1]):
                                g_e[post[e]] += w_e
                        else:
                            for e in range(offset[i], offset[i + 1]):
                                g_i[post[e]] += w_i
        count[c] = k


count = np.zeros(options.candidates, np.int64)
if options.task == "adex":
    values, current = w4.adex(options.candidates)
    parameters = np.stack(list(values.values()), axis=1).astype(real)

    def run():
        adex(parameters, current.astype(real), real(w4.DT), count)
        return int(count.sum())

    n = 1
else:
    pre, post, values, v = w4.net(options.candidates)
    offset = np.searchsorted(pre, np.arange(w4.N + 1)).astype(np.int64)
    own, tau_m = w4.CUBA, values["tau_m"]
    decay, decay_e, decay_i = (np.exp(-w4.DT / x) for x in (tau_m, own["tau_e"], own["tau_i"]))
    gains = [own[x] / (own[x] - tau_m) * (d - decay) for x, d in (("tau_e", decay_e), ("tau_i", decay_i))]
    ones = np.ones(options.candidates)
    columns = [values["E_L"], values["w_e"], values["w_i"], decay, decay_e * ones, decay_i * ones, *gains]
    parameters = np.stack(columns, axis=1).astype(real)
    n = w4.N

    def run():
        net(
            parameters, v.astype(real), offset, post, w4.N_EXC, w4.steps(), round(own["t_ref"] / w4.DT),
            real(own["v_th"]), real(own["v_reset"]), count,
        )  # fmt: skip
        return int(count.sum())


run()
seconds, spikes = harness.timed(run, options.repeat)
options.n = options.candidates * n
harness.emit(
    "w4", "numba", options, seconds, spikes=spikes, dt=w4.DT, task=options.task, candidates=options.candidates,
    candidates_per_s=options.candidates / seconds[0], dtype=options.dtype, version=numba.__version__,
)  # fmt: skip
