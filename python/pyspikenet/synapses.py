"""Checks of what a network is made of: lists of neurons and synapses. Read ``network.py`` next."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .engine.memory import shared_empty
from .limits import MOST_NEURONS
from .parameters import as_array, number, numbers, shown, whole_number

Delay = float | NDArray[np.float32] | None


def neuron_indices(name: str, who: ArrayLike, n: int) -> NDArray[np.int64]:
    """Indices from indices or from a boolean mask of length n."""
    chosen = as_array(name, who)
    if chosen.dtype == bool:
        if chosen.shape != (n,):
            raise ValueError(f"{name} must be indices or a mask of shape ({n},), got a mask of shape {chosen.shape}")
        return np.flatnonzero(chosen)
    if chosen.size == 0:
        raise ValueError(f"{name} must hold at least one neuron, got {shown(who)}")
    indices = whole_numbers(name, np.atleast_1d(chosen))
    if indices.min() < 0 or indices.max() >= n:
        bad = indices[(indices < 0) | (indices >= n)][0]
        raise ValueError(f"{name} must lie in 0..{n - 1}, got {bad}")
    return indices


def whole_numbers(name: str, values: ArrayLike) -> NDArray[np.int64]:
    """A 1-d array of whole numbers."""
    array = as_array(name, values)
    if array.size == 0 and array.dtype.kind == "f":
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be whole numbers, got {shown(values)} of dtype {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"{name} must be 1-d, got shape {array.shape}")
    return array if array.dtype.itemsize <= 8 and array.dtype.kind == "i" else array.astype(np.int64)


def per_synapse(name: str, values: ArrayLike, m: int, dtype: Any) -> NDArray[Any]:
    """One finite number per synapse, in memory that Julia can map."""
    array = as_array(name, values)
    if array.ndim == 0:
        array = np.broadcast_to(number(name, values), m)
    if array.dtype.kind not in "iufb":
        raise TypeError(f"{name} must be numbers, got {shown(values)} of dtype {array.dtype}")
    if array.shape != (m,):
        raise ValueError(f"{name} must be one number or have one value per synapse ({m}), got shape {array.shape}")
    converted = shared_empty(m, dtype)
    with np.errstate(over="ignore"):
        converted[...] = array
    if m and not (np.isfinite(converted.min()) and np.isfinite(converted.max())):
        bad = int(np.argmin(np.isfinite(converted)))
        raise ValueError(f"{name} must be finite as {converted.dtype}, got {array[bad]} (synapse {bad})")
    return converted


def delays_in_ms(values: ArrayLike, m: int) -> Delay:
    """A delay of all synapses, or one for each."""
    if as_array("delay", values).ndim == 0:
        return number("delay", values, "positive")
    array = numbers("delay", values, "positive", each="synapse")
    if array.shape != (m,):
        raise ValueError(f"delay must be one number or have one value per synapse ({m}), got shape {array.shape}")
    return array.astype(np.float32)


def receptor_codes(values: Sequence[str] | None, m: int) -> tuple[NDArray[np.int8] | None, tuple[str, ...]]:
    """Names of receptors as indices into the sorted list of them."""
    if values is None:
        return None, ()
    names = as_array("receptor", values)
    if names.dtype.kind != "U" or names.shape != (m,):
        raise TypeError(f"receptor must be one name per synapse ({m}), got {shown(values)}")
    kinds, codes = np.unique(names, return_inverse=True)
    if kinds.size > 127:
        raise ValueError(f"receptor must have at most 127 different names, got {kinds.size}")
    return codes.astype(np.int8), tuple(map(str, kinds))


def network_size(n: Any) -> int:
    """A number of neurons that fits into 32 bits."""
    size = whole_number("n", n, 1)
    if size > MOST_NEURONS:
        raise ValueError(f"n must be less than 2**31, got {size}")
    return size


def named_groups(groups: Any, n: int) -> dict[str, NDArray[np.int64]]:
    """Sets of neurons by names that files can hold."""
    if not isinstance(groups or {}, Mapping):
        raise TypeError(f"groups must be a dict of names to neurons, got {shown(groups)}")
    for name in groups or {}:
        if not isinstance(name, str):
            raise TypeError(f"groups must have names as keys, got {shown(name)}")
        # Names become parts of names of coordinates, which netCDF lists separated by blanks.
        if not name or any(c.isspace() or c == "/" for c in name):
            raise ValueError(
                f"groups must have names without blanks and slashes, such as 'touch_receptors', got {name!r}"
            )
    return {name: neuron_indices(f"groups[{name!r}]", who, n) for name, who in (groups or {}).items()}


def neuron_labels(labels: ArrayLike, n: int) -> NDArray[np.str_]:
    """One name per neuron."""
    names = as_array("labels", labels).astype(str)
    if names.shape != (n,):
        raise ValueError(f"labels must have one name per neuron ({n}), got shape {names.shape}")
    return names


def is_sorted(pre: NDArray[Any], post: NDArray[Any]) -> bool:
    """Whether synapses are in order of (pre, post)."""
    step = np.diff(pre)
    return bool(np.all(step >= 0) and np.all(np.diff(post)[step == 0] >= 0))


def in_order(values: NDArray[Any], order: NDArray[np.int64] | None, dtype: Any) -> NDArray[Any]:
    """`values` in the given order, in memory that Julia can map."""
    if order is None and values.dtype == dtype and getattr(values, "file", None) is not None:
        return values
    result = shared_empty(values.shape, dtype)
    if order is None:
        result[...] = values
    else:
        np.take(values, order, out=result, mode="clip") if values.dtype == dtype else np.copyto(result, values[order])
    return result
