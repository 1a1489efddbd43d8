"""W2 with Brian2, C++ standalone: method "exact" for CUBA, "euler" for COBA.

Its own examples, with the synapses and initial values that all are given. What is timed is the time loop, as the
generated program reports it.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import brian2 as b2
import harness
import numpy as np
import workloads
from brian2 import ms

options = harness.arguments(__doc__, more=workloads.w2_options)
p = workloads.W2[options.model]
pre, post, weight, start = workloads.w2_network(options.model, options.n, options.seed)
excites = pre < workloads.w2_excitatory(options.n)

# Voltages are numbers, in mV.
drive = {"cuba": "g_e + g_i", "coba": "g_e*(E_e - v) + g_i*(E_i - v)"}[options.model]
equations = f"""
dv/dt = ({drive} - (v - E_L))/tau_m : 1 (unless refractory)
dg_e/dt = -g_e/tau_e : 1
dg_i/dt = -g_i/tau_i : 1
"""
names = {name: value * ms if name.startswith(("tau", "t_")) else value for name, value in p.items()}

with tempfile.TemporaryDirectory() as folder:
    b2.set_device("cpp_standalone", directory=folder, build_on_run=False)
    b2.prefs.devices.cpp_standalone.openmp_threads = options.threads if options.threads > 1 else 0
    b2.prefs.core.default_float_dtype = np.dtype(options.dtype).type
    b2.prefs.codegen.cpp.extra_compile_args_gcc = ["-w", "-O3", "-march=native", "-ffast-math", "-std=c++11"]
    b2.defaultclock.dt = workloads.W2_DT * ms

    neurons = b2.NeuronGroup(
        options.n,
        equations,
        threshold="v > v_th",
        reset="v = v_reset",
        refractory=p["t_ref"] * ms,
        method={"cuba": "exact", "coba": "euler"}[options.model],
        namespace=names,
    )
    for name, values in start.items():
        setattr(neurons, name, values)
    size = {"w_e": p["w_e"], "w_i": p["w_i"] if options.model == "cuba" else -p["w_i"]}
    excitation = b2.Synapses(neurons, neurons, on_pre="g_e += w_e", namespace=size)
    excitation.connect(i=pre[excites], j=post[excites])
    inhibition = b2.Synapses(neurons, neurons, on_pre="g_i += w_i", namespace=size)
    inhibition.connect(i=pre[~excites], j=post[~excites])
    spikes = b2.SpikeMonitor(neurons)
    network = b2.Network(neurons, excitation, inhibition, spikes)
    network.run(options.steps * workloads.W2_DT * ms)
    b2.device.build(directory=folder, compile=True, run=False, with_output=False)

    seconds = []
    for _ in harness.rounds(options.repeat):
        b2.device.run(with_output=False)
        seconds.append(b2.device._last_run_time)
    neuron, time = np.array(spikes.i), np.array(spikes.t / ms)

harness.emit(
    "w2",
    "brian2",
    options,
    sorted(seconds),
    spikes=len(neuron),
    dt=workloads.W2_DT,
    cv=harness.irregularity(neuron, time),
    model=options.model,
    dtype=options.dtype,
    version=b2.__version__,
    network=workloads.fingerprint(pre, post, weight),
)
