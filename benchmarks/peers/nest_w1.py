"""W1 with NEST: its nearest model, pp_psc_delta. Not the same model, so its rate is not compared.

The escape rate is exp(g - theta) instead of the logistic function, the coupling kernel an exponential that is not cut
off (weights scaled so that its area is that of the five steps), the refractory filter 3 ms of dead time plus an
exponential.
"""

import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import harness
import nest
import numpy as np
import workloads

options = harness.arguments(__doc__)
pre, post, weight = workloads.w1_network(options.n)
coupling, _ = workloads.w1_filters()
p = workloads.W1

nest.set_verbosity("M_ERROR")
nest.ResetKernel()
nest.SetKernelStatus(
    {"resolution": 1.0, "local_num_threads": options.threads, "rng_seed": options.seed, "print_time": False}
)
neurons = nest.Create(
    "pp_psc_delta",
    options.n,
    params={
        "tau_m": 1 / p["alpha"],
        "C_m": 1.0,
        "I_e": 0.0,
        "c_1": 0.0,
        "c_2": 1000 * math.exp(-p["theta"]),
        "c_3": 1.0,
        "dead_time": float(p["abs_ref_scale"]),
        "dead_time_random": False,
        "with_reset": False,
        "q_sfa": -p["rel_ref_strength"] * math.exp(p["beta"] * p["abs_ref_scale"]),
        "tau_sfa": 1 / p["beta"],
        "t_ref_remaining": 0.0,
    },
)
ids = np.array(neurons.tolist())
scale = float(coupling.sum()) * (1 - math.exp(-p["alpha"]))
nest.Connect(
    ids[pre],
    ids[post],
    conn_spec="one_to_one",
    syn_spec={
        "synapse_model": "static_synapse",
        "weight": (weight * scale).astype(float),
        "delay": np.ones(len(weight)),
    },
)
recorder = nest.Create("spike_recorder")
nest.Connect(neurons, recorder)
nest.Prepare()
nest.Run(1.0)

before = recorder.n_events
seconds, _ = harness.timed(lambda: nest.Run(float(options.steps)), options.repeat)
harness.emit(
    "w1",
    "nest",
    options,
    seconds,
    spikes=(recorder.n_events - before) / len(seconds),
    version=nest.__version__,
    network=workloads.fingerprint(pre, post, weight),
)
