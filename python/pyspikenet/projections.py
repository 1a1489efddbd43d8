"""Synapses of a network as SpikeCore takes them: one projection for a cascade, one per receptor of a membrane."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .models.base import Model
from .models.membrane import MembraneModel
from .network import Network
from .parameters import shown

Wire = tuple[list[dict[str, Any]], dict[str, NDArray[Any]]]
Parts = list[tuple[int, NDArray[np.bool_] | None]]


def to_wire(model: Model, network: Network, dt: float) -> Wire:
    """Projections and their arrays; a ValueError where the synapses do not fit the receptors of the model."""
    delay, delays = network.delay_steps(dt)
    parts: Parts = [(0, None)] if not isinstance(model, MembraneModel) else _by_receptor(model, network)
    entries: list[dict[str, Any]] = []
    arrays: dict[str, NDArray[Any]] = {}
    for j, (receptor, chosen) in enumerate(parts, 1):
        weight = network.weight if chosen is None else network.weight[chosen]
        if isinstance(model, MembraneModel) and list(model.all_receptors().values())[receptor].is_conductance:
            weight = _conductances(weight, network, receptor, model)
        entries.append({"delay": delay, "receptor": receptor + 1})
        own: dict[str, NDArray[Any]] = {"offset": network.offset, "target": network.target, "weight": weight}
        if delays is not None:
            own["delay"] = delays
        if chosen is not None:
            before = np.concatenate([np.zeros(1, np.int64), np.cumsum(chosen, dtype=np.int64)])
            own["offset"] = before[network.offset]
            for name in {"target", "delay"} & set(own):
                own[name] = own[name][chosen]
        arrays |= {f"projection.{j}.{name}": np.ascontiguousarray(array) for name, array in own.items()}
    return entries, arrays


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
    present = np.unique(codes)
    if present.size == 1:
        return [(int(present[0]), None)]
    return [(int(receptor), codes == receptor) for receptor in present]


def _conductances(weight: NDArray[Any], network: Network, receptor: int, model: MembraneModel) -> NDArray[Any]:
    """Weights as conductances: where their sign chose the receptor, only their magnitude is left."""
    name = list(model.all_receptors())[receptor]
    if network.receptor is None and receptor == 1:
        return np.asarray(np.abs(weight))
    if weight.size and weight.min() < 0:
        raise ValueError(
            f"weight must not be negative at the receptor {name!r}, whose reversal potential makes it a conductance,"
            f" got {shown(float(weight.min()))}"
        )
    return weight
