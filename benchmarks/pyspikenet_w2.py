"""W2 with pyspikenet: the whole of ``psn.simulate()``, dataset included, after two calls that compile and load.

COBA has a capacitance of 200 pF and a leak of 10 nS, so that weights, relative to the leak, become nS.
"""

import harness
import numpy as np
import workloads

import pyspikenet as psn
from pyspikenet.engine import get_engine
from pyspikenet.run import prepare

LEAK = 10.0  # nS
STATE = {"v": ("v", 1.0), "g_e": ("g_exc", LEAK), "g_i": ("g_inh", LEAK)}  # names and units of the initial state

options = harness.arguments(__doc__, more=workloads.w2_options)
psn.configure(threads=options.threads)
p = workloads.W2[options.model]
pre, post, weight, start = workloads.w2_network(options.model, options.n, options.seed)
common = {"v_threshold": p["v_th"], "v_reset": p["v_reset"], "refractory_period": p["t_ref"], "E_L": p["E_L"]}
if options.model == "cuba":
    scale = 1.0
    model = psn.LIF(tau_m=p["tau_m"], R=1.0, tau_syn_exc=p["tau_e"], tau_syn_inh=p["tau_i"], **common)
else:
    scale = LEAK
    reversal = {"E_e": p["E_e"], "E_i": p["E_i"]}
    model = psn.CobaLIF(C=LEAK * p["tau_m"], g_L=LEAK, tau_e=p["tau_e"], tau_i=p["tau_i"], **reversal, **common)
state = {STATE[name][0]: STATE[name][1] * values for name, values in start.items()}
network = psn.Network.from_edges(
    pre=pre, post=post, weight=scale * weight, n=options.n, delay=workloads.W2_DT, dtype=options.dtype
)
request = {"duration": options.steps * workloads.W2_DT, "dt": workloads.W2_DT, "dtype": options.dtype}
request |= {"initial_state": state, "seed": options.seed}


def run():
    return psn.simulate(model, network, progress=False, **request)


def seconds_in_julia():
    """The step loop alone, in one piece, by Julia's clock."""
    with prepare(model, network, **request).session() as session:
        call = {"session": session._id, "steps": options.steps}
        return get_engine().submit("advance", call).result()[0]["seconds"]


run(), run()
seconds, dataset = harness.timed(run, options.repeat)
inside = min(seconds_in_julia() for _ in harness.rounds(options.repeat))
harness.emit(
    "w2",
    "pyspikenet",
    options,
    seconds,
    spikes=dataset.sizes["spike"],
    dt=workloads.W2_DT,
    cv=harness.irregularity(np.asarray(dataset["spike_neuron"]), np.asarray(dataset["spike_time"])),
    model=options.model,
    dtype=options.dtype,
    julia_s=inside,
    julia=psn.info()["julia_version"],
    version=psn.__version__,
    pss_mb=harness.pss_mb(),
    network=workloads.fingerprint(pre, post, weight),
)
