"""Synapses of a network as SpikeCore takes them: one projection for a cascade, one per receptor of a membrane."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .engine.memory import shared_empty
from .models.base import Model
from .models.lif_gate import LIFGate
from .models.membrane import MembraneModel
from .network import Network
from .parameters import shown
from .plasticity import Rules, rules_by_receptor
from .receptors import Receptor


@dataclass(frozen=True)
class Projection:
    """Synapses of one receptor: which of the network's, and what SpikeCore is told of them."""

    receptor: int
    chosen: NDArray[np.bool_] | None
    flipped: bool
    rules: Rules
    params: dict[str, Any]
    arrays: dict[str, NDArray[Any]]

    @property
    def size(self) -> int:
        """Number of synapses."""
        return int(self.arrays["target"].size)

    @property
    def has_changing_weights(self) -> bool:
        return any(rule.acts_on == "pair" for rule in self.rules)


def build(model: Model, network: Network, dt: float, plasticity: Any = None) -> list[Projection]:
    """The projections of a network; a ValueError where its synapses do not fit the receptors of the model."""
    delay, delays = network.delay_steps(dt)
    receptors = model.all_receptors() if isinstance(model, MembraneModel) else {}
    rules = rules_by_receptor(plasticity, list(receptors))
    found = []
    for receptor, chosen, flipped, own in _parts(model, network, receptors, delays, dt):
        params: dict[str, Any] = {"delay": delay, "receptor": receptor + 1}
        name = list(receptors)[receptor] if receptors else None
        here = rules.get(name, rules.get(None, ()))
        for rule in here:
            if isinstance(model, LIFGate):
                raise ValueError(f"plasticity must be None for a LIFGate, whose synapses are graded, got {rule!r}")
            params[rule.acts_on] = rule.to_wire(own["weight"])
        found.append(Projection(receptor, chosen, flipped, here, params, own))
    return found


Parts = list[tuple[int, NDArray[np.bool_] | None, bool, dict[str, NDArray[Any]]]]
MOST_KEPT = 5_000_000  # synapses of a network whose parts are kept for the next run


def _parts(
    model: Model, network: Network, receptors: Mapping[str, Receptor], delays: NDArray[np.int32] | None, dt: float
) -> Parts:
    """Receptor, synapses, whether their sign is taken away, and arrays; those of the last run if they are the same."""
    kinds = tuple((name, x.is_conductance) for name, x in receptors.items())
    key = (isinstance(model, MembraneModel), kinds, None if delays is None else dt)
    kept: tuple[Any, Parts] | None = network._parts
    if kept is not None and kept[0] == key:
        return kept[1]
    found: Parts = []
    codes = by_receptor(model, network) if isinstance(model, MembraneModel) else [(0, None)]
    for receptor, chosen in codes:
        weight = network.weight if chosen is None else network.weight[chosen]
        flipped = False
        name = list(receptors)[receptor] if receptors else None
        if name is not None and receptors[name].is_conductance:
            flipped = network.receptor is None and receptor == 1
            weight = np.asarray(-weight) if flipped else _conductances(weight, name)
        own: dict[str, NDArray[Any]] = {"offset": network.offset, "target": network.target, "weight": weight}
        if delays is not None:
            own["delay"] = delays
        if chosen is not None:
            before = np.concatenate([np.zeros(1, np.int64), np.cumsum(chosen, dtype=np.int64)])
            own["offset"] = before[network.offset]
            for key_of_array in {"target", "delay"} & set(own):
                own[key_of_array] = own[key_of_array][chosen]
        found.append((receptor, chosen, flipped, {name: _for_julia(array, network) for name, array in own.items()}))
    if network.n_synapses <= MOST_KEPT:
        network._parts = (key, found)
    return found


def _for_julia(array: NDArray[Any], network: Network) -> NDArray[Any]:
    """The array, in memory that Julia can map if it is not the network's own."""
    if array is network.offset or array is network.target or array is network.weight:
        return array
    made = shared_empty(array.shape, array.dtype)
    made[...] = array
    return made


def network_weights(projections: list[Projection], network: Network, pieces: dict[int, NDArray[Any]]) -> NDArray[Any]:
    """Weights (..., synapse) in the order and with the sign of the network, from those of plastic projections."""
    first = next(iter(pieces.values()))
    weights = np.array(np.broadcast_to(network.weight.astype(first.dtype), (*first.shape[:-1], network.n_synapses)))
    for k, piece in pieces.items():
        signed = -piece if projections[k].flipped else piece
        chosen = projections[k].chosen
        weights[..., slice(None) if chosen is None else chosen] = signed
    return weights


def projection_weights(projection: Projection, weights: NDArray[Any]) -> NDArray[Any]:
    """The inverse of :func:`network_weights` for one projection."""
    own = weights if projection.chosen is None else weights[..., projection.chosen]
    return np.ascontiguousarray(-own if projection.flipped else own)


def by_receptor(model: MembraneModel, network: Network) -> list[tuple[int, NDArray[np.bool_] | None]]:
    """Numbers of receptors and which synapses each has; None for all of them."""
    names = list(model.all_receptors())
    if network.n_synapses == 0:
        return []
    if not names:
        raise ValueError(
            f"receptors of a {type(model).__name__} must be given for a network with synapses, got none, and"
            f" {network.n_synapses} synapses"
        )
    if network.receptor is not None:
        unknown = [name for name in network.receptors if name not in names]
        if unknown:
            raise ValueError(f"network must have receptors from {names}, those of the model, got {unknown}")
        codes = np.array([names.index(name) for name in network.receptors], dtype=np.int8)[network.receptor]
    elif len(names) == 1:
        return [(0, None)]
    else:
        codes = (network.weight < 0).astype(np.int8)
        if len(names) > 2 and codes.any():
            raise ValueError(
                f"receptor must be given for each synapse where a model has more than two receptors, {names}, and"
                f" weights are negative, got a network without receptors and the weight {float(network.weight.min())}"
            )
    present = np.unique(codes)
    if present.size == 1:
        return [(int(present[0]), None)]
    return [(int(receptor), codes == receptor) for receptor in present]


def _conductances(weight: NDArray[Any], name: str) -> NDArray[Any]:
    if weight.size and weight.min() < 0:
        raise ValueError(
            f"weight must not be negative at the receptor {name!r}, whose reversal potential makes it a conductance,"
            f" got {shown(float(weight.min()))}"
        )
    return weight
