"""W4 with pyspikenet: from the parameters of all candidates to a loss for each, as in a generation of ``psn.fit()``.

The loss is the squared mean rate, from which the number of spikes follows.
"""

import harness
import numpy as np
import w4

import pyspikenet as psn
from pyspikenet.fitting.evolve import task_of
from pyspikenet.fitting.population import Evaluator


def more(parser):
    w4.add_options(parser)
    parser.add_argument("--dtype", choices=("float64", "float32"), default="float64")


options = harness.arguments(__doc__, steps=w4.steps(), more=more)
psn.configure(threads=options.threads)
settings = {"duration": w4.DURATION, "dt": w4.DT, "trials": None, "seed": 0, "dtype": options.dtype, "threads": None}
settings |= {"equilibration": 0.0, "initial_state": None, "device": "cpu"}
if options.task == "adex":
    values, current = w4.adex(options.candidates)
    network = psn.Network.from_edges(pre=[], post=[], weight=[], n=1)
    model = psn.AdEx(V_cut=0.0, refractory_period=0.0)
    stimulus = psn.ArrayStimulus(data=current, dt=w4.DT)
else:
    pre, post, values, v = w4.net(options.candidates)
    network = psn.Network.from_edges(
        pre=pre, post=post, weight=np.where(pre < w4.N_EXC, 1.0, -1.0), n=w4.N, delay=w4.DT, dtype=options.dtype
    )
    own = w4.CUBA
    model = psn.LIF(
        R=1.0, v_threshold=own["v_th"], v_reset=own["v_reset"], refractory_period=own["t_ref"],
        tau_syn_exc=own["tau_e"], tau_syn_inh=own["tau_i"],
    )  # fmt: skip
    stimulus, settings["initial_state"] = None, {"v": v}
    values = {
        "tau_m": values["tau_m"], "E_L": values["E_L"], "weight_scale.exc": values["w_e"],
        "weight_scale.inh": -values["w_i"],
    }  # fmt: skip
free = {name: (float(x.min()), float(x.max())) for name, x in values.items()}
task = task_of(model, network, None, free, psn.TargetRate(rate=0.0), stimulus, None, settings)
judge = Evaluator(task)
rows = np.stack(list(values.values()), axis=1)


def run():
    return judge.judge(rows)


def inside():
    """Seconds of simulating, opening included, and of judging, by Julia's clock."""
    protocol = judge.protocols[0]
    answer = protocol._together(rows, None, False, None)[0]
    return answer["seconds"], answer["judging"]


run(), run()
seconds, judged = harness.timed(run, options.repeat)
simulating, judging = min(inside() for _ in harness.rounds(options.repeat))
options.n = options.candidates * network.n
spikes = np.sqrt(judged.losses[:, 0]).sum() * network.n * w4.DURATION / 1000
harness.emit(
    "w4", "pyspikenet", options, seconds, spikes=round(spikes), dt=w4.DT, task=options.task,
    candidates=options.candidates, candidates_per_s=options.candidates / seconds[0], julia_s=simulating,
    judging_s=judging, dtype=options.dtype, julia=psn.info()["julia_version"], version=psn.__version__,
)  # fmt: skip
