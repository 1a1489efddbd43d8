"""Statistics of spike trains in a dataset, as labelled arrays."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray
from numpy.typing import ArrayLike, NDArray

from .excitability import fi_curve as fi_curve
from .excitability import vector_field as vector_field
from .modules import geodesic_similarity as geodesic_similarity
from .modules import match_modules as match_modules
from .modules import modules as modules
from .parameters import number, numbers
from .synapses import neuron_indices
from .trains import positions


def _span(dataset: xarray.Dataset) -> tuple[float, float, float]:
    from .dataset import provenance

    about = provenance(dataset)
    return about["t_start"], about["t_stop"], about["dt"]


def trial_positions(dataset: xarray.Dataset) -> NDArray[np.int64]:
    """Position of each spike's trial along the dimension trial.

    Parameters
    ----------
    dataset : xarray.Dataset
        A dataset of spikes.

    Returns
    -------
    ndarray of int64, shape (spike,)
    """
    return positions(dataset.spike_trial.values, dataset.trial.values)


def trains(dataset: xarray.Dataset, trial: int | None = None) -> list[NDArray[np.float64]]:
    """Spike times [ms] of every neuron in one trial, by its number; default the first.

    Parameters
    ----------
    dataset : xarray.Dataset
        Dataset of spikes.
    trial : int, optional
        Number of the trial; default the first.
    """
    ids = dataset.trial.values
    chosen = ids[0] if trial is None else trial
    if chosen not in ids:
        raise ValueError(f"trial must be one of {ids.tolist()}, got {trial!r}")
    mine = dataset.spike_trial.values == chosen
    neuron, time = dataset.spike_neuron.values[mine], dataset.spike_time.values[mine]
    order = np.lexsort((time, neuron))
    cuts = np.cumsum(np.bincount(neuron, minlength=dataset.sizes["neuron"]))[:-1]
    return np.split(time[order], cuts)


def counts(dataset: xarray.Dataset, bin: float | None = None) -> xarray.DataArray:
    """Spike counts: ``(trial, neuron)``, or ``(trial, time, neuron)`` in bins of `bin` ms.

    The coordinate ``time`` is the end of each bin; time that does not fill a bin is left out. A spike at the time t of
    the end of its step belongs to the bin that ends at t.

    Parameters
    ----------
    dataset : xarray.Dataset
        Dataset of spikes.
    bin : float, optional
        Length of a bin [ms], a multiple of dt; default: all time.
    """
    start, stop, dt = _span(dataset)
    n_trials, n = dataset.sizes["trial"], dataset.sizes["neuron"]
    trial, neuron = trial_positions(dataset), dataset.spike_neuron.values.astype(np.int64)
    coords = {k: v for k, v in dataset.coords.items() if set(v.dims) <= {"trial", "neuron"}}
    if bin is None:
        flat = np.bincount(trial * n + neuron, minlength=n_trials * n)
        return xarray.DataArray(flat.reshape(n_trials, n), coords, ("trial", "neuron"), "counts")
    width = number("bin", bin, "positive")
    per_bin = round(width / dt)
    if per_bin < 1 or abs(per_bin * dt - width) > 1e-6 * dt:
        raise ValueError(f"bin must be a multiple of dt = {dt} ms, got {bin} ms")
    step = np.rint((dataset.spike_time.values - start) / dt).astype(np.int64) - 1
    n_bins = round((stop - start) / dt) // per_bin
    place = step // per_bin
    inside = place < n_bins
    flat = np.bincount(((trial * n_bins + place) * n + neuron)[inside], minlength=n_trials * n_bins * n)
    coords["time"] = xarray.DataArray(start + (np.arange(n_bins) + 1) * width, dims="time", attrs={"units": "ms"})
    return xarray.DataArray(flat.reshape(n_trials, n_bins, n), coords, ("trial", "time", "neuron"), "counts")


def rates(dataset: xarray.Dataset) -> xarray.DataArray:
    """Mean rate of each neuron in each trial [Hz].

    Parameters
    ----------
    dataset : xarray.Dataset
        Dataset of spikes.
    """
    start, stop, _ = _span(dataset)
    result = counts(dataset) * (1000.0 / (stop - start)) if stop > start else counts(dataset) * np.nan
    return result.rename("rate").assign_attrs(units="Hz")


def isi(dataset: xarray.Dataset) -> xarray.Dataset:
    """Intervals between successive spikes of the same neuron in the same trial [ms].

    Parameters
    ----------
    dataset : xarray.Dataset
        Dataset of spikes.
    """
    neuron, trial, time = (dataset[f"spike_{name}"].values for name in ("neuron", "trial", "time"))
    order = np.lexsort((time, neuron, trial))
    same = (np.diff(neuron[order]) == 0) & (np.diff(trial[order]) == 0)
    return xarray.Dataset(
        {
            "isi": ("interval", np.diff(time[order])[same], {"units": "ms"}),
            "neuron": ("interval", neuron[order][1:][same]),
            "trial": ("interval", trial[order][1:][same]),
        }
    )


def cv(intervals: xarray.Dataset | ArrayLike) -> Any:
    """Standard deviation over mean of the intervals of each neuron in each trial; NaN below two intervals.

    Parameters
    ----------
    intervals : xarray.Dataset or array_like
        Dataset of spikes; or the intervals of one neuron [ms], in order, for one number.
    """
    cell, interval, size = _intervals(intervals)
    count = np.bincount(cell, minlength=size)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(cell, interval, size) / count
        variance = np.bincount(cell, (interval - mean[cell]) ** 2, size) / count
        value = np.where(count >= 2, np.sqrt(variance) / mean, np.nan)
    return _per_neuron(intervals, value, "cv")


def cv2(intervals: xarray.Dataset | ArrayLike) -> Any:
    """Mean of 2 |I - J| / (I + J) over successive intervals I, J of a neuron in a trial (Holt et al. 1996).

    It is 1 for a Poisson process, as :func:`cv` is, but slow changes of the rate do not raise it; NaN below two
    intervals.

    Parameters
    ----------
    intervals : xarray.Dataset or array_like
        Dataset of spikes; or the intervals of one neuron [ms], in order, for one number.
    """
    return _per_neuron(intervals, _successive(intervals, lambda contrast: 2 * np.abs(contrast)), "cv2")


def lv(intervals: xarray.Dataset | ArrayLike) -> Any:
    """Local variation: mean of 3 ((I - J) / (I + J))^2 over successive intervals I, J (Shinomoto et al. 2003).

    It is 1 for a Poisson process and 0 for a regular one; NaN below two intervals.

    Parameters
    ----------
    intervals : xarray.Dataset or array_like
        Dataset of spikes; or the intervals of one neuron [ms], in order, for one number.
    """
    return _per_neuron(intervals, _successive(intervals, lambda contrast: 3 * contrast**2), "lv")


def _intervals(given: xarray.Dataset | ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
    """Which neuron in which trial every interval belongs to, one number for both; the intervals; how many numbers."""
    if not isinstance(given, xarray.Dataset):
        values = numbers("intervals", given, "nonnegative")
        if values.ndim != 1:
            raise ValueError(f"intervals must be a dataset, or a 1-d array of intervals, got shape {values.shape}")
        return np.zeros(values.size, np.int64), values, 1
    found = isi(given)
    ids = np.asarray(given.trial.values)
    order = np.argsort(ids)
    trial = order[np.searchsorted(ids, found.trial.values, sorter=order)]
    n = given.sizes["neuron"]
    return trial * n + found.neuron.values, np.asarray(found.isi.values), ids.size * n


def _successive(
    given: xarray.Dataset | ArrayLike, measure: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Mean of a measure of (I - J) / (I + J), over successive intervals of each neuron in each trial."""
    cell, interval, size = _intervals(given)
    same = np.diff(cell) == 0
    # Several spikes of one neuron in one step are intervals of 0; two of these do not differ.
    total = interval[1:] + interval[:-1]
    contrast = (np.diff(interval) / np.where(total > 0, total, 1.0))[same]
    count = np.bincount(cell[1:][same], minlength=size)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.bincount(cell[1:][same], measure(contrast), size) / count)


def _per_neuron(given: xarray.Dataset | ArrayLike, values: NDArray[np.float64], name: str) -> Any:
    if not isinstance(given, xarray.Dataset):
        return float(values[0])
    like = counts(given)
    return like.copy(data=values.reshape(like.shape)).rename(name)


def fano_factor(dataset: xarray.Dataset, bin: float) -> xarray.DataArray:
    """Variance over mean of the counts of each neuron, over bins of `bin` ms and trials; NaN for silent neurons.

    Parameters
    ----------
    dataset : xarray.Dataset
        Dataset of spikes.
    bin : float
        Length of a bin [ms], a multiple of dt.
    """
    binned = counts(dataset, bin)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (binned.var(("trial", "time")) / binned.mean(("trial", "time"))).rename("fano_factor")


def _positions(dataset: xarray.Dataset, who: Any) -> NDArray[np.int64]:
    """Positions of neurons given as a group name, labels, a boolean mask or positions."""
    n = dataset.sizes["neuron"]
    if isinstance(who, str):
        groups = sorted(str(name).removeprefix("group_") for name in dataset.coords if str(name).startswith("group_"))
        if who not in groups:
            raise ValueError(f"neurons must be a group of the network ({', '.join(groups) or 'none'}), got {who!r}")
        return np.flatnonzero(dataset[f"group_{who}"].values)
    chosen = np.asarray(who)
    if chosen.dtype.kind == "U":
        missing = chosen[~np.isin(chosen, dataset.neuron.values)]
        if missing.size:
            raise ValueError(f"neurons must be labels of the dataset, got {str(missing.flat[0])!r}, which is none")
        return np.flatnonzero(np.isin(dataset.neuron.values, chosen))
    return neuron_indices("neurons", chosen, n)


def psth(dataset: xarray.Dataset, bin: float, neurons: Any = None) -> xarray.DataArray:
    """Rate over time [Hz] in bins of `bin` ms, mean over trials and neurons.

    Parameters
    ----------
    dataset : xarray.Dataset
        Dataset of spikes.
    bin : float
        Length of a bin [ms], a multiple of dt.
    neurons : str or array_like, optional
        A group name, labels, a boolean mask or positions; default all.
    """
    binned = counts(dataset, bin)
    if neurons is not None:
        binned = binned.isel(neuron=_positions(dataset, neurons))
    return (binned.mean(("trial", "neuron")) * (1000.0 / bin)).rename("psth").assign_attrs(units="Hz")


def correlation(dataset: xarray.Dataset, bin: float, other: xarray.Dataset | None = None) -> xarray.DataArray:
    """Pearson correlation of the counts in bins of `bin` ms between neurons, over bins and trials.

    Parameters
    ----------
    dataset : xarray.Dataset
        Dataset of spikes.
    bin : float
        Length of a bin [ms], a multiple of dt.
    other : xarray.Dataset, optional
        Dataset with as many trials and bins, whose neurons are those of ``neuron_2``: a model beside its data, say,
        where the diagonal tells how well each neuron is matched. Default: the same dataset.
    """
    binned = counts(dataset, bin)
    beside = binned if other is None else counts(other, bin)
    if beside.shape[:2] != binned.shape[:2]:
        raise ValueError(
            f"other must have as many trials and bins as the dataset, {binned.shape[:2]}, got {beside.shape[:2]}"
        )
    deviations = (x.values - x.values.mean((0, 1)) for x in (binned, beside))
    flat, flat_2 = (x.reshape(-1, x.shape[2]) for x in deviations)
    with np.errstate(invalid="ignore", divide="ignore"):
        norms = np.outer(np.linalg.norm(flat, axis=0), np.linalg.norm(flat_2, axis=0))
        matrix = np.clip(flat.T @ flat_2 / norms, -1.0, 1.0)
    coords = {"neuron": binned.neuron.values, "neuron_2": beside.neuron.values}
    return xarray.DataArray(matrix, coords, ("neuron", "neuron_2"), "correlation")


def split(dataset: xarray.Dataset) -> list[xarray.Dataset]:
    """The datasets of the networks that were combined, each with its neurons counted from 0 again.

    Parameters
    ----------
    dataset : xarray.Dataset
        Dataset of spikes.
    """
    from .dataset import ATTRIBUTE, provenance

    if "network" not in dataset.coords:
        raise ValueError("the dataset must come from Network.combine to be split, but has no coordinate 'network'")
    about = provenance(dataset)
    parts = []
    for number_of_network in np.unique(dataset.network.values):
        members = np.flatnonzero(dataset.network.values == number_of_network)
        mine = np.isin(dataset.spike_neuron.values, members)
        final = [name for name in dataset.data_vars if str(name).startswith("final_")]
        part = dataset.drop_vars(final).isel(neuron=members, spike=np.flatnonzero(mine))
        if dataset.neuron.dtype.kind in "iu":
            part = part.assign_coords(neuron=np.arange(members.size))
        position = np.searchsorted(members, part.spike_neuron.values).astype(np.int32)
        part = part.assign(spike_neuron=("spike", position, dataset.spike_neuron.attrs))
        part.attrs[ATTRIBUTE] = json.dumps(about | {"network": {"n": int(members.size), "combined": about["network"]}})
        parts.append(part)
    return parts
