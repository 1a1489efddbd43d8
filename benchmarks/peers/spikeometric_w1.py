"""W1 with Spikeometric: ``BernoulliGLM.simulate``, the library's only path."""

import sys
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import harness
import torch
import workloads
from spikeometric.models import BernoulliGLM
from torch_geometric.data import Data

options = harness.arguments(__doc__)
torch.set_num_threads(options.threads)
pre, post, weight = workloads.w1_network(options.n)
edges = torch.as_tensor([pre.tolist(), post.tolist()])
data = Data(edge_index=edges, W0=torch.tensor(weight), num_nodes=options.n)
model = BernoulliGLM(dt=1.0, **workloads.W1, rng=torch.Generator().manual_seed(options.seed))


def run(steps=options.steps):
    # Without equilibration: exactly `steps` steps, from a random half of the neurons spiking.
    return model.simulate(data, n_steps=steps, verbose=False, equilibration_steps=0, store_as_dtype=torch.int8)


with torch.no_grad():
    run(5)
    seconds, spikes = harness.timed(run, options.repeat)
harness.emit(
    "w1",
    "spikeometric",
    options,
    seconds,
    spikes=spikes.sum(),
    version=version("spikeometric"),
    network=workloads.fingerprint(pre, post, weight),
)
