"""Cost of a neuron in a step and of a synaptic event, one thread, float32, by Julia's clock.

The first from a network without synapses, the second from the difference to one that has them. Beside W1 (weights in
the second or third cache), a network of 10^7 synapses, whose weights come from memory. limits.py has what the machine
can do.
"""

import harness
import numpy as np
import workloads

import pyspikenet as psn
from pyspikenet.engine import get_engine
from pyspikenet.run import prepare

options = harness.arguments(__doc__, steps=5000, more=lambda parser: parser.set_defaults(n=5000))
psn.configure(threads=1)


def measure(network, steps):
    """Fastest time of the step loop, and its spikes per neuron."""
    seconds, counts = [], None
    for _ in harness.rounds(options.repeat + 1):
        run = prepare(psn.BernoulliGLM(), network, duration=steps, seed=options.seed, dtype="float32")
        with run.session() as session:
            answer, recorded = get_engine().submit("advance", {"session": session._id, "steps": steps}).result()
        seconds.append(answer["seconds"])
        counts = np.bincount(recorded["spike_neuron"], minlength=network.n)
    return min(seconds[1:]), counts


def cost(name, network, steps):
    nothing = psn.Network.from_edges(pre=[], post=[], n=network.n, dtype="float32")
    alone, _ = measure(nothing, steps)
    together, counts = measure(network, steps)
    events = int(counts @ np.diff(network.offset))
    return {
        f"{name}_ns_per_neuron_step": 1e9 * alone / steps / network.n,
        f"{name}_ns_per_event": 1e9 * (together - alone) / events,
        f"{name}_events": events,
    }


pre, post, weight = workloads.w1_network(options.n)
w1 = psn.Network.from_edges(pre=pre, post=post, weight=weight, n=options.n, dtype="float32")
big = psn.Network.random(n=100_000, indegree=100, weight=lambda rng, k: rng.normal(0, 0.3, k), seed=1, dtype="float32")
record = {"workload": "cost", "peer": "pyspikenet", "n": options.n}
harness.show(record | cost("w1", w1, options.steps) | cost("memory", big, max(100, options.steps // 20)))
