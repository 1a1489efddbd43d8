"""W4 with Brian2's C++ standalone: all candidates as one group, as brian2modelfitting has them.

Compiled once; a generation is a run of the program with other parameters, and its whole time is what counts.
"""

import tempfile

import brian2 as b2
import harness
import numpy as np
import w4
from brian2 import ms, mV, nS, pA, pF

options = harness.arguments(__doc__, steps=w4.steps(), more=w4.add_options)
folder = tempfile.mkdtemp()
b2.set_device("cpp_standalone", directory=folder, build_on_run=False)
b2.prefs.devices.cpp_standalone.openmp_threads = options.threads if options.threads > 1 else 0
b2.prefs.codegen.cpp.extra_compile_args_gcc = ["-w", "-O3", "-march=native", "-ffast-math", "-std=c++11"]
b2.defaultclock.dt = w4.DT * ms
m = options.candidates
if options.task == "adex":
    values, current = w4.adex(m)
    units = {"C": pF, "g_L": nS, "E_L": mV, "V_T": mV, "D_T": mV, "a": nS, "tau_w": ms, "b": pA, "V_r": mV}
    n, start = 1, values["E_L"]
    cells = b2.NeuronGroup(
        m,
        """
        dv/dt = (g_L*(E_L-v) + g_L*D_T*exp((v-V_T)/D_T) - w + I(t))/C : volt
        dw/dt = (a*(v-E_L) - w)/tau_w : amp
        C : farad
        g_L : siemens
        E_L : volt
        V_T : volt
        D_T : volt
        a : siemens
        tau_w : second
        b : amp
        V_r : volt
        """,
        threshold="v > 0*mV",
        reset="v = V_r; w += b",
        method="euler",
        namespace={"I": b2.TimedArray(current * pA, dt=w4.DT * ms)},
    )
    parts = [cells]
else:
    pre, post, values, v = w4.net(m)
    own, n = w4.CUBA, w4.N
    units = {"tau_m": ms, "E_L": mV, "w_e": mV, "w_i": mV}
    start, values = np.tile(v, m), {name: np.repeat(x, n) for name, x in values.items()}
    names = {
        "tau_e": own["tau_e"] * ms,
        "tau_i": own["tau_i"] * ms,
        "v_th": own["v_th"] * mV,
        "v_r": own["v_reset"] * mV,
    }
    cells = b2.NeuronGroup(
        m * n,
        """
        dv/dt  = (g_e + g_i - (v - E_L))/tau_m : volt (unless refractory)
        dg_e/dt = -g_e/tau_e : volt
        dg_i/dt = -g_i/tau_i : volt
        tau_m : second
        E_L : volt
        w_e : volt
        w_i : volt
        """,
        threshold="v > v_th",
        reset="v = v_r",
        refractory=own["t_ref"] * ms,
        method="exact",
        namespace=names,
    )
    parts, shift, excites = [cells], (np.arange(m) * n)[:, None], pre < w4.N_EXC
    for chosen, text in ((excites, "g_e_post += w_e_post"), (~excites, "g_i_post += w_i_post")):
        synapses = b2.Synapses(cells, cells, on_pre=text, namespace=names)
        synapses.connect(i=(pre[chosen] + shift).ravel(), j=(post[chosen] + shift).ravel())
        parts.append(synapses)
for name, unit in units.items():
    setattr(cells, name, values[name] * unit)
cells.v = start * mV
spikes = b2.SpikeMonitor(cells)
b2.Network(*parts, spikes).run(w4.DURATION * ms)
b2.device.build(directory=folder, compile=True, run=False, with_output=False)
arguments = {getattr(cells, name): values[name] * unit for name, unit in units.items()} | {cells.v: start * mV}


def run():
    b2.device.run(with_output=False, run_args=arguments)
    return int(spikes.num_spikes)


seconds, found = harness.timed(run, options.repeat)
options.n = m * n
harness.emit(
    "w4", "brian2", options, seconds, spikes=found, dt=w4.DT, task=options.task, candidates=m,
    candidates_per_s=m / seconds[0], dtype="float64", version=b2.__version__,
)  # fmt: skip
