"""Modules of neurons that fire together, and how alike the modules of two networks are."""

from typing import Any

import numpy as np
import xarray
from numpy.typing import ArrayLike, NDArray

from .parameters import numbers, seed_number, shown, whole_number


def modules(counts: ArrayLike | xarray.DataArray, n: int = 3, *, seed: int = 0) -> xarray.Dataset:
    """Modules by non-negative matrix factorisation: counts are nearly a sum of activity times weight of `n` modules.

    Needs scikit-learn.

    Parameters
    ----------
    counts : array_like or xarray.DataArray
        Spike counts (trial, time, neuron), as :func:`counts` gives them in bins, or (time, neuron).
    n : int, default 3
        Number of modules.
    seed : int, default 0
        Seed of the factorisation.

    Returns
    -------
    xarray.Dataset
        ``weight`` (module, neuron), each module a vector of length 1 without negative entries; ``activity`` (trial,
        time, module), in counts; modules in order of their mean activity. The attribute ``error`` is the norm of what
        is left over that of the counts.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is described here.
    ImportError
        If scikit-learn is not there.
    """
    given = numbers("counts", counts.values if isinstance(counts, xarray.DataArray) else counts, "nonnegative")
    table = given[None] if given.ndim == 2 else given
    if table.ndim != 3 or 0 in table.shape:
        raise ValueError(f"counts must be of shape (trial, time, neuron) or (time, neuron), got shape {given.shape}")
    flat = table.reshape(-1, table.shape[2])
    if whole_number("n", n, 1) > min(flat.shape):
        raise ValueError(f"n must be at most the number of neurons and of bins, {min(flat.shape)}, got {n}")
    if not flat.any():
        raise ValueError("counts must have spikes, got none")
    try:
        from sklearn.decomposition import NMF
    except ImportError:
        raise ImportError("modules needs scikit-learn; install pyspikenet[analysis]") from None
    factorisation = NMF(n, init="nndsvda", max_iter=2000, random_state=seed_number("seed", seed) % 2**32)
    activity = factorisation.fit_transform(flat)
    weight = factorisation.components_
    # A module that is not needed is zero, and stays so.
    length = np.linalg.norm(weight, axis=1)
    weight = weight / np.where(length > 0, length, 1.0)[:, None]
    activity = activity * length
    order = np.argsort(-activity.mean(0), kind="stable")
    coords = {}
    if isinstance(counts, xarray.DataArray):
        coords = {k: v for k, v in counts.coords.items() if set(v.dims) <= {"trial", "time", "neuron"}}
    activity = activity[:, order].reshape(*table.shape[:2], n)
    error = np.linalg.norm(flat - activity.reshape(-1, n) @ weight[order]) / np.linalg.norm(flat)
    return xarray.Dataset(
        {"weight": (("module", "neuron"), weight[order]), "activity": (("trial", "time", "module"), activity)},
        {"module": np.arange(n), **coords},
        {"error": float(error)},
    )


def geodesic_similarity(a: ArrayLike, b: ArrayLike) -> Any:
    r"""Similarity of modules by the angle between them: :math:`1 - (2 / \pi) \arccos(a \cdot b)` for unit vectors.

    Parameters
    ----------
    a, b : array_like
        Two vectors over the same neurons, or modules (module, neuron), such as ``weight`` of :func:`modules`; scaled to
        length 1 here.

    Returns
    -------
    float or ndarray
        1 for the same direction, 0 for orthogonal ones, -1 for opposite ones; (module of a, module of b) for several.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is described here, or a vector is zero.
    """
    first, second = (_directions(name, x) for name, x in (("a", a), ("b", b)))
    if first.shape[-1] != second.shape[-1]:
        raise ValueError(f"a and b must have as many neurons, got {first.shape[-1]} and {second.shape[-1]}")
    # arccos loses half the digits near 1; the angle from half the difference and half the sum keeps them.
    apart, sum_ = (np.linalg.norm(first[:, None] + sign * second[None], axis=2) for sign in (-1, 1))
    similarity = 1 - 4 / np.pi * np.arctan2(apart, sum_)
    return float(similarity[0, 0]) if np.ndim(a) == 1 and np.ndim(b) == 1 else similarity


def match_modules(a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The assignment of modules of `b` to those of `a` with the largest sum of similarities.

    Parameters
    ----------
    a, b : array_like
        As many modules (module, neuron), such as ``weight`` of :func:`modules`.

    Returns
    -------
    match : ndarray of int
        Module of `b` for every module of `a`.
    similarity : ndarray
        Their :func:`geodesic_similarity`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is described here, or the numbers of modules differ.
    """
    from scipy.optimize import linear_sum_assignment

    similarity = np.atleast_2d(geodesic_similarity(a, b))
    if similarity.shape[0] != similarity.shape[1]:
        raise ValueError(f"a and b must have as many modules, got {similarity.shape[0]} and {similarity.shape[1]}")
    rows, match = linear_sum_assignment(similarity, maximize=True)
    return np.asarray(match, np.int64), similarity[rows, match]


def _directions(name: str, given: ArrayLike) -> NDArray[np.float64]:
    vectors = np.atleast_2d(numbers(name, given))
    if vectors.ndim != 2:
        raise ValueError(f"{name} must be one vector or modules of shape (module, neuron), got shape {vectors.shape}")
    length = np.linalg.norm(vectors, axis=1)
    if not length.all():
        zero = int(np.flatnonzero(length == 0)[0])
        raise ValueError(f"{name} must not be zero, got {shown(vectors[zero])} (module {zero})")
    return np.asarray(vectors / length[:, None])
