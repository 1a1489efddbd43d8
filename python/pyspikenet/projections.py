"""Synapses of a network as SpikeCore takes them: one projection for a cascade, one per receptor of a membrane."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .models.base import Model
from .models.lif_gate import LIFGate
from .models.membrane import MembraneModel
from .network import Network
from .parameters import shown
from .plasticity import Rules, rules_by_receptor

Parts = list[tuple[int, NDArray[np.bool_] | None]]


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
    parts: Parts = _by_receptor(model, network) if isinstance(model, MembraneModel) else [(0, None)]
    found = []
    for receptor, chosen in parts:
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
            for key in {"target", "delay"} & set(own):
                own[key] = own[key][chosen]
        params: dict[str, Any] = {"delay": delay, "receptor": receptor + 1}
        here = rules.get(name, rules.get(None, ()))
        for rule in here:
            if isinstance(model, LIFGate):
                raise ValueError(f"plasticity must be None for a LIFGate, whose synapses are graded, got {rule!r}")
            params[rule.acts_on] = rule.to_wire(weight)
        arrays = {key: np.ascontiguousarray(array) for key, array in own.items()}
        found.append(Projection(receptor, chosen, flipped, here, params, arrays))
    return found


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


def _by_receptor(model: MembraneModel, network: Network) -> Parts:
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
