"""W1 with Brian2, C++ standalone, float32.

The same filters, exactly: spikes are added into u0 by Brian's event-driven synapses; u0..u4 and x0..x9 are shifted once
a step and weighted by the two filters. What is timed is the time loop, as the generated program reports it.
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

options = harness.arguments(__doc__)
pre, post, weight = workloads.w1_network(options.n)
coupling, refractory = workloads.w1_filters()

with tempfile.TemporaryDirectory() as folder:
    b2.set_device("cpp_standalone", directory=folder, build_on_run=False)
    b2.prefs.devices.cpp_standalone.openmp_threads = options.threads if options.threads > 1 else 0
    b2.prefs.core.default_float_dtype = np.float32
    b2.prefs.codegen.cpp.extra_compile_args_gcc = ["-w", "-O3", "-march=native", "-ffast-math", "-std=c++11"]
    b2.defaultclock.dt = 1 * ms
    b2.seed(options.seed)

    u = [f"u{k}" for k in range(len(coupling))]
    x = [f"x{k}" for k in range(len(refractory))]
    neurons = b2.NeuronGroup(
        options.n,
        "".join(f"{name} : 1\n" for name in [*u, *x, "g"]),
        threshold="rand() < 1.0/(1.0 + exp(theta - g))",
        reset="x0 = 1",
        namespace={"theta": workloads.W1["theta"]},
    )
    terms = [f"{c:.9g}*{name}" for c, name in zip([*coupling, *refractory], u + x, strict=True)]
    shifts = [f"{names[k]} = {names[k - 1]}" for names in (u, x) for k in range(len(names) - 1, 0, -1)]
    neurons.run_regularly("\n".join(["g = " + " + ".join(terms), *shifts, "u0 = 0", "x0 = 0"]), dt=1 * ms, when="start")
    synapses = b2.Synapses(neurons, neurons, "w : 1", on_pre="u0_post += w")
    synapses.connect(i=pre, j=post)
    synapses.w = weight
    neurons.x0 = workloads.w1_start(options.n).astype(np.float32)
    spikes = b2.SpikeMonitor(neurons, record=True)
    network = b2.Network(neurons, synapses, spikes)
    network.run(options.steps * ms)
    b2.device.build(directory=folder, compile=True, run=False, with_output=False)

    seconds = []
    for _ in harness.rounds(options.repeat):
        b2.device.run(with_output=False)
        seconds.append(b2.device._last_run_time)
    count = int(spikes.num_spikes)

harness.emit(
    "w1",
    "brian2",
    options,
    sorted(seconds),
    spikes=count,
    version=b2.__version__,
    network=workloads.fingerprint(pre, post, weight),
)
