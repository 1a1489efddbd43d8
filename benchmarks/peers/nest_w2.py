"""W2 with NEST: iaf_psc_exp for CUBA, iaf_cond_exp for COBA, the shortest delay, which is a step.

With a capacitance of tau_m in pF, a current of 1 pA drives v towards E_L + 1 mV, so that weights in mV become pA. COBA
has a leak of 10 nS and is integrated with adaptive steps, which NEST offers alone.
"""

import sys
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import harness
import nest
import numpy as np
import workloads

options = harness.arguments(__doc__, more=lambda parser: workloads.w2_options(parser, dtypes=("float64",)))
p = workloads.W2[options.model]
pre, post, weight, start = workloads.w2_network(options.model, options.n, options.seed)
duration = options.steps * workloads.W2_DT
parameters = {"E_L": p["E_L"], "V_th": p["v_th"], "V_reset": p["v_reset"], "t_ref": p["t_ref"], "I_e": 0.0}
parameters |= {"tau_syn_ex": p["tau_e"], "tau_syn_in": p["tau_i"]}
leak = 1.0
if options.model == "cuba":
    kind, more = "iaf_psc_exp", {"C_m": p["tau_m"], "tau_m": p["tau_m"]}
else:
    leak = 10.0
    kind, more = "iaf_cond_exp", {"C_m": p["tau_m"] * leak, "g_L": leak, "E_ex": p["E_e"], "E_in": p["E_i"]}


def build():
    nest.ResetKernel()
    nest.SetKernelStatus(
        {"resolution": workloads.W2_DT, "local_num_threads": options.threads, "print_time": False, "rng_seed": 1}
    )
    neurons = nest.Create(kind, options.n, params=parameters | more)
    neurons.V_m = start["v"].tolist()
    if options.model == "coba":
        neurons.g_ex = (leak * start["g_e"]).tolist()
        neurons.g_in = (leak * start["g_i"]).tolist()
    ids = np.array(neurons.tolist())
    nest.Connect(
        ids[pre],
        ids[post],
        conn_spec="one_to_one",
        syn_spec={
            "synapse_model": "static_synapse",
            "weight": leak * weight,
            "delay": np.full(len(weight), workloads.W2_DT),
        },
    )
    recorder = nest.Create("spike_recorder")
    nest.Connect(neurons, recorder)
    nest.Prepare()
    return recorder


nest.set_verbosity("M_ERROR")
seconds = []
for _ in harness.rounds(options.repeat):
    recorder = build()
    before = perf_counter()
    nest.Run(duration)
    seconds.append(perf_counter() - before)
    nest.Cleanup()
events = recorder.events
harness.emit(
    "w2",
    "nest",
    options,
    sorted(seconds),
    spikes=len(events["senders"]),
    dt=workloads.W2_DT,
    cv=harness.irregularity(events["senders"], events["times"]),
    model=options.model,
    dtype=options.dtype,
    version=nest.__version__,
    network=workloads.fingerprint(pre, post, weight),
)
