"""Bounds of free parameters: those that are asked for, those that they have, and Dale's law."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network import Network
from ..parameters import as_array, shown
from .free import Floats, Free
from .problem import Question


def bounds_of(given: Any, dale: bool, question: Question, start: list[Floats]) -> tuple[list[Floats], list[Floats]]:
    """Lower and upper bounds of each free parameter, in its shape."""
    if given is not None and not isinstance(given, Mapping):
        raise TypeError(f"bounds must be a dict of (low, high) by name, got {shown(given)}")
    names = [free.name for free in question.free]
    for name in given or {}:
        if name not in names:
            raise ValueError(f"bounds must be of free parameters, {', '.join(names)}, got {shown(name)}")
    lows, highs = [], []
    for free, value in zip(question.free, start, strict=True):
        low, high = _bounds(free, (given or {}).get(free.name, (None, None)), value)
        if free.name == "weight":
            signs = _signs(question, dale, value)
            low, high = np.where(signs > 0, np.maximum(low, 0), low), np.where(signs < 0, np.minimum(high, 0), high)
        if (low > high).any():
            k = int(np.argmax(low > high))
            raise ValueError(
                f"bounds[{free.name!r}] must leave room for values of their sign and range, got low {low.flat[k]} above"
                f" high {high.flat[k]} (entry {k})"
            )
        lows.append(low)
        highs.append(high)
    return lows, highs


def _bounds(free: Free, given: Any, value: Floats) -> tuple[Floats, Floats]:
    name = f"bounds[{free.name!r}]"
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise TypeError(f"{name} must be (low, high), got {shown(given)}")
    found = []
    for end, edge, outside in zip(given, (free.low, free.high), (-np.inf, np.inf), strict=True):
        array = as_array(name, outside if end is None else end)
        if array.dtype.kind not in "iuf" or np.isnan(array).any():
            raise ValueError(f"{name} must be numbers or None, got {shown(end)}")
        if array.shape not in ((), value.shape):
            raise ValueError(f"{name} must be numbers or arrays of shape {value.shape}, got shape {array.shape}")
        limit = np.maximum if outside < 0 else np.minimum
        found.append(np.array(np.broadcast_to(limit(array.astype(float), edge), value.shape)))
    return found[0], found[1]


def _signs(question: Question, dale: bool, weight: Floats) -> NDArray[np.int8]:
    """The sign that each weight must keep; 0: any."""
    network = question.run.network
    signs = np.zeros(weight.size, np.int8)
    by_sign = network.receptor is None and len({p.receptor for p in question.run.projections}) > 1
    if dale or by_sign or _routed(question):
        signs[:] = np.sign(weight)
        signs[signs == 0] = _sign_of_row(network, weight)[signs == 0]
    for projection in question.run.projections:
        name = _receptor(question, projection.receptor)
        if name is not None and name.is_conductance:
            chosen = slice(None) if projection.chosen is None else projection.chosen
            signs[chosen] = -1 if projection.flipped else 1
    return signs


def _receptor(question: Question, number: int) -> Any:
    model: Any = question.run.model
    receptors = list(model.all_receptors().values()) if hasattr(model, "all_receptors") else []
    return receptors[number] if receptors else None


def _routed(question: Question) -> bool:
    """Whether the receptor of a synapse follows from its sign."""
    model: Any = question.run.model
    receptors = model.all_receptors() if hasattr(model, "all_receptors") else {}
    return question.run.network.receptor is None and len(receptors) > 1


def _sign_of_row(network: Network, weight: Floats) -> NDArray[np.int8]:
    """Per synapse, the sign of most of the weights of its presynaptic neuron; + where there is none."""
    pre = network.pre
    balance = np.bincount(pre, np.sign(weight), network.n)
    return np.where(balance < 0, -1, 1).astype(np.int8)[pre]
