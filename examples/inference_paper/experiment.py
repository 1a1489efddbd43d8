"""What is fitted: the target networks, where fits begin, the input, and the configurations. Read ``fits.py`` next."""

from typing import NamedTuple

import numpy as np

import pyspikenet as psn
from pyspikenet.fitting.losses import Loss, WeightedLosses

N = 12
GROUP = np.repeat([0, 1, 2], 4)  # two excitatory groups and an inhibitory one
SIGN = np.where(GROUP == 2, -1.0, 1.0)  # of all that a neuron sends
NAMES = ("E_L", "tau_m", "tau_g", "R")
UNITS = {"E_L": "mV", "tau_m": "ms", "tau_g": "ms", "R": "MOhm", "weight": "1", "rate": "Hz"}
BOUNDS = {"E_L": (-80.0, -35.0), "tau_m": (1.1, 3.0), "tau_g": (1.5, 3.5), "R": (100.0, 150.0)}
BEGIN = {"E_L": (-55.0, -45.0), "tau_m": (1.2, 2.3), "tau_g": (2.0, 3.5), "R": (135.0, 140.0)}
TRUE = {"E_L": (-38.0, -50.0, -64.0), "tau_m": (2.2, 1.4, 1.2), "tau_g": (3.5, 2.5, 1.8), "R": (148.0, 125.0, 115.0)}
WEIGHTS = np.array([[0.28, 0.20, 0.15], [0.10, 0.43, 0.34], [0.16, 0.40, 0.12]])  # size, from group to group
RATE = 10.0  # Hz, of the Poisson input into each neuron

WINDOW = 400.0  # ms
WINDOWS = 10  # per iteration: an optimiser's step after each
ITERATIONS = 20
LONG = 4000.0  # ms, of the runs that are judged
BIN = 20.0  # ms, of the counts that are compared


class Neurons(NamedTuple):
    """A network of the paper: its neurons and its synapses."""

    model: psn.LIFGate
    network: psn.Network


class Configuration(NamedTuple):
    """A loss and an optimiser."""

    loss: str
    method: str
    learning_rate: float

    def __str__(self) -> str:
        return f"{self.loss}, {self.method.upper() if self.method == 'sgd' else 'Adam'} {self.learning_rate:g}"


LOSSES = ("firing rate", "van Rossum 10", "van Rossum 20", "van Rossum 100", "linear", "adaptive")
OPTIMISERS = (("sgd", 0.01), ("sgd", 0.05), ("adam", 0.05))
CONFIGURATIONS = tuple(Configuration(loss, *optimiser) for loss in LOSSES for optimiser in OPTIMISERS)
QUICK = Configuration("van Rossum 20", "adam", 0.05)


def target(number: int) -> Neurons:
    """The network whose spikes are the data."""
    draw = np.random.default_rng([1, number])
    own = {}
    for name in NAMES:
        values = np.array(TRUE[name])[GROUP] * (1 - 0.025 * draw.standard_normal(N))
        own[name] = np.clip(values, *BOUNDS[name])
    size = WEIGHTS[np.ix_(GROUP, GROUP)] * (0.75 + 0.5 * draw.standard_normal((N, N)))
    return _neurons(own, np.abs(size))


def beginning(number: int, fit: int) -> Neurons:
    """Where a fit begins."""
    draw = np.random.default_rng([2, number, fit])
    own = {name: draw.uniform(*BEGIN[name], N) for name in NAMES}
    return _neurons(own, draw.uniform(0.1, 0.5, (N, N)))


def _neurons(own: dict[str, np.ndarray], size: np.ndarray) -> Neurons:
    weights = size * SIGN[:, None]
    np.fill_diagonal(weights, 0)
    groups = {"excitatory": GROUP < 2, "inhibitory": GROUP == 2}
    return Neurons(psn.LIFGate(**own), psn.Network.from_dense(weights, groups=groups))


def poisson(rate: float = RATE) -> psn.PoissonInput:
    """The input: at most one spike per neuron and step, the same ones where seed and rate are the same."""
    return psn.PoissonInput(rate=rate, weight=0.9, most=1)


def seed(number: int, use: str) -> int:
    """Seed of the input of a target network and of what is fitted to it."""
    return 1000 * (1 + ("training", "test", "long").index(use)) + number


def loss(name: str) -> Loss | WeightedLosses:
    """A loss of the paper; of the van Rossum distance the root over all neurons, its kernel sees the last spike."""
    rate = psn.RateLoss()
    if name == "firing rate":
        return rate
    if name.startswith("van Rossum"):
        return _van_rossum(float(name.rsplit(" ", 1)[1]))
    return 0.9 * rate + 0.1 * _van_rossum(20.0) if name == "linear" else psn.Adaptive(rate, _van_rossum(20.0))


def _van_rossum(tau: float) -> psn.VanRossum:
    return psn.VanRossum(tau=tau, kernel="recent", reduction="norm")


def weight_bounds(network: psn.Network) -> tuple[np.ndarray, np.ndarray]:
    """Weights stay between 0 and 1, or between -1 and 0, as the presynaptic neuron has it."""
    sign = SIGN[network.pre]
    return np.minimum(sign, 0.0), np.maximum(sign, 0.0)
