"""W1 with pyspikenet: the whole of ``psn.simulate()``, dataset included, after two calls that compile and load."""

import harness
import workloads

import pyspikenet as psn
from pyspikenet.engine import get_engine
from pyspikenet.run import prepare


def more(parser):
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")


options = harness.arguments(__doc__, more=more)
psn.configure(threads=options.threads)
pre, post, weight = workloads.w1_network(options.n)
network = psn.Network.from_edges(pre=pre, post=post, weight=weight, n=options.n, dtype=options.dtype)
start = {"spikes": workloads.w1_start(options.n)[None].astype(int)}
request = {"duration": options.steps, "initial_state": start, "seed": options.seed, "dtype": options.dtype}


def run():
    return psn.simulate(psn.BernoulliGLM(), network, progress=False, **request)


def seconds_in_julia():
    """The step loop alone, in one piece, by Julia's clock."""
    with prepare(psn.BernoulliGLM(), network, **request).session() as session:
        call = {"session": session._id, "steps": options.steps}
        return get_engine().submit("advance", call).result()[0]["seconds"]


run(), run()
seconds, dataset = harness.timed(run, options.repeat)
inside = min(seconds_in_julia() for _ in harness.rounds(options.repeat))
harness.emit(
    "w1",
    "pyspikenet",
    options,
    seconds,
    spikes=dataset.sizes["spike"],
    dtype=options.dtype,
    julia_s=inside,
    julia=psn.info()["julia_version"],
    version=psn.__version__,
    pss_mb=harness.pss_mb(),
    network=workloads.fingerprint(pre, post, weight),
)
