"""34,000 neurons with 49,000 synapses, 10,000 steps, one thread: the whole of ``psn.simulate()``, compiled before."""

import harness
import workloads

import pyspikenet as psn


def more(parser):
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float64")
    parser.set_defaults(n=34_000, repeat=2)


options = harness.arguments(__doc__, more=more)
psn.configure(threads=options.threads)
pre, post, weight = workloads.sparse_network(options.n)
network = psn.Network.from_edges(pre=pre, post=post, weight=weight, n=options.n, dtype=options.dtype)


def run(steps=options.steps):
    return psn.simulate(
        psn.BernoulliGLM(), network, duration=steps, seed=options.seed, dtype=options.dtype, progress=False
    )


run(100), run(100)
seconds, dataset = harness.timed(run, options.repeat)
harness.emit(
    "sparse",
    "pyspikenet",
    options,
    seconds,
    spikes=dataset.sizes["spike"],
    dtype=options.dtype,
    n_synapses=network.n_synapses,
    pss_mb=harness.pss_mb(),
)
