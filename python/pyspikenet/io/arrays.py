"""Recordings that are arrays: spike times by neuron and trial, voltage traces, dicts of them, .npy and .npz."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..parameters import as_array, number, shown
from ..trains import train_times
from .recording import Floats, Recorded, Signal, check_same_size, spikes_of
from .units import Names

EXPECTED = (
    "spike times, lists of them by neuron or by trial and neuron, a membrane potential with threshold=, or a dict of"
    " arrays such as {'v': ..., 'I': ...}"
)


def read_file(path: Path, names: Names, dt: float | None, threshold: Any) -> Recorded:
    """An array or an archive of arrays that NumPy wrote."""
    try:
        given = np.load(path, allow_pickle=False)
        if path.suffix.lower() == ".npz":
            with given:
                given = {name: given[name] for name in given.files}
    except (ValueError, EOFError, OSError) as problem:
        raise ValueError(f"recording must be a file of arrays of numbers, got {str(path)!r}: {problem}") from None
    return read_arrays(given, names, dt, threshold, str(path))


def read_arrays(given: Any, names: Names, dt: float | None, threshold: Any, source: str = "arrays") -> Recorded:
    """What is given as arrays; `dt` [ms] is the time between samples, for dicts without one."""
    if isinstance(given, Mapping):
        return _from_dict(given, names, dt, source)
    if isinstance(given, np.ndarray) and given.dtype.kind in "iuf" and threshold is not None:
        return _from_dict({"v": given}, names, dt, source)
    if isinstance(given, np.ndarray) and given.ndim > 1 and given.dtype.kind != "O":
        raise ValueError(
            f"recording must be {EXPECTED}, got an array of shape {given.shape} and no threshold; spike counts need no"
            " reading"
        )
    return Recorded(source=source, **spikes_of(_trials(given, names.scale("time"))))


def _trials(given: Any, scale: float) -> list[list[Floats]]:
    """One train, trains by neuron, or trains by trial and neuron, as trains [ms] by trial and neuron."""
    depth = _depth(given)
    if depth == 0:
        raise TypeError(f"recording must be {EXPECTED}, got {shown(given)}")
    trials = [[given]] if depth == 1 else [list(given)] if depth == 2 else [list(trial) for trial in given]
    check_same_size(trials, "neurons")
    found: list[list[Floats]] = []
    for r, trial in enumerate(trials):
        found.append([])
        for i, train in enumerate(trial):
            times = train_times(f"recording (trial {r}, neuron {i})", train)
            found[r].append(times if hasattr(train, "rescale") else times * scale)
    return found


def _depth(given: Any) -> int:
    """How deep sequences lie in each other."""
    if isinstance(given, np.ndarray) and given.dtype.kind != "O":
        return given.ndim
    if isinstance(given, str | bytes) or not hasattr(given, "__len__") or not hasattr(given, "__iter__"):
        return 0
    # Numbers come first: a long list of times is not looked through.
    inner = next((x for x in given if not isinstance(x, int | float)), None)
    return 1 if inner is None else 1 + max(_depth(x) for x in given)


def _from_dict(given: Mapping[Any, Any], names: Names, dt: float | None, source: str) -> Recorded:
    found = names.find([str(name) for name in given])
    own = {quantity: (given[name], scale) for quantity, (name, scale) in found.items()}
    if not {"v", "I", "spike_time"} & set(own):
        raise ValueError(
            f"recording must hold an array v, I or spike_time, or columns= say which is which, got {shown(list(given))}"
        )
    signals = _signals(own, dt)
    n_trials = max((x.values.shape[0] for x in signals.values()), default=1)
    durations = None
    if signals:
        longest = max(x.values.shape[1] * x.dt for x in signals.values())
        durations = np.full(n_trials, longest)
    if "spike_time" in own:
        spikes = _spikes(own)
        if signals and "time" in own and "dt" not in own:  # spikes and samples may count from another time than zero
            first = next(iter(signals.values())).begin
            spikes["times"] = spikes["times"] - (float(np.asarray(own["time"][0])[0]) * own["time"][1] - first)
        if signals and spikes["n_trials"] < n_trials and spikes["n_trials"] > 1:
            raise ValueError(
                f"spike_time must have as many trials as v and I, {n_trials}, got {spikes['n_trials']} of them"
            )
        n_trials = max(n_trials, spikes["n_trials"])
        if durations is not None:
            durations = np.full(n_trials, durations[0])
    else:
        channels = max(x.values.shape[2] for x in signals.values())
        empty = np.empty(0, np.int64)
        spikes = {"times": np.empty(0), "neuron": empty, "trial": empty, "n": channels, "labels": None}
    return Recorded(
        source=source, durations=durations, **(spikes | {"n_trials": n_trials}),
        signals={name: _for_all(x, n_trials) for name, x in signals.items()},
    )  # fmt: skip


def _for_all(signal: Signal, n_trials: int) -> Signal:
    """A signal that is the same in all trials, once for each."""
    if signal.values.shape[0] not in (1, n_trials):
        raise ValueError(f"v and I must have as many trials, got {signal.values.shape[0]} and {n_trials}")
    return Signal(np.broadcast_to(signal.values, (n_trials, *signal.values.shape[1:])), signal.dt, signal.begin)


def _signals(own: dict[str, tuple[Any, float]], dt: float | None) -> dict[str, Signal]:
    begin, interval = 0.0, dt
    if "dt" in own:
        interval = number("dt of the source", own["dt"][0], "positive") * own["dt"][1]
    elif "time" in own:
        begin, interval = sampling(np.asarray(own["time"][0], float) * own["time"][1])
    signals = {}
    for name in ("v", "I"):
        if name in own:
            if interval is None:
                raise ValueError("dt must be given for sampled signals: the time between two samples [ms], got None")
            array = as_array(name, own[name][0])
            if array.dtype.kind not in "iuf" or array.ndim not in (1, 2, 3) or 0 in array.shape:
                raise ValueError(
                    f"{name} must be numbers of shape (time,), (trial, time) or (trial, time, neuron), got"
                    f" {shown(array)} of shape {array.shape}"
                )
            if array.ndim == 3 and array.shape[2] > array.shape[1]:
                raise ValueError(
                    f"{name} must have shape (trial, time, neuron), got {array.shape}, which would be {array.shape[2]}"
                    f" neurons with {array.shape[1]} samples"
                )
            values = array.astype(float) * own[name][1]
            values = values[None] if values.ndim == 1 else values
            signals[name] = Signal(values[:, :, None] if values.ndim == 2 else values, float(interval), begin)
    lengths = {x.values.shape[1] for x in signals.values()}
    if len(lengths) > 1:
        raise ValueError(f"v and I must have as many samples, got {sorted(lengths)}")
    return signals


def sampling(time: Floats) -> tuple[float, float]:
    """Begin and interval of times of samples [ms], which must be regular; a begin other than 0 or dt is forgotten."""
    if time.ndim != 1 or time.size < 2:
        raise ValueError(f"time must be a 1-d array of at least two numbers, got shape {time.shape}")
    dt = float(time[-1] - time[0]) / (time.size - 1)
    off = np.abs(time - (time[0] + np.arange(time.size) * dt))
    if not dt > 0 or not off.max() <= 0.01 * dt:
        k = int(np.argmax(off)) if np.isfinite(off).all() else int(np.argmin(np.isfinite(off)))
        raise ValueError(f"time must be regular, got {time[k]:.10g} ms at index {k}, where steps are {dt:.6g} ms")
    # Written with few digits, intervals are not quite what they were.
    rounded = float(f"{dt:.6g}")
    dt = rounded if abs(rounded - dt) * time.size <= 0.01 * dt else dt
    return (dt if abs(time[0] - dt) <= 0.01 * dt else 0.0), dt


def _spikes(own: dict[str, tuple[Any, float]]) -> dict[str, Any]:
    """Spikes as one array with neuron and trial of each, or as lists by neuron and trial."""
    given, scale = own["spike_time"]
    if _depth(given) > 1:
        return {**spikes_of(_trials(given, scale)), "labels": None}
    times = np.asarray(_trials(given, scale)[0][0])
    neuron, labels = positions("neuron", own.get("neuron"), times.size)
    trial, numbers = positions("trial", own.get("trial"), times.size)
    return {
        "times": times, "neuron": neuron, "trial": trial, "n": labels.size, "n_trials": numbers.size, "labels": labels,
    }  # fmt: skip


def positions(name: str, given: Any, size: int) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Position of every entry among the labels, and these: all numbers from 0 or 1 to the highest, or what there is."""
    if given is None:
        return np.zeros(size, np.int64), np.zeros(1, np.int64)
    values = np.asarray(given[0])
    if values.shape != (size,):
        raise ValueError(f"{name} must have one entry for each spike or sample ({size}), got shape {values.shape}")
    if values.dtype.kind == "f" and np.all(values % 1 == 0):
        values = values.astype(np.int64)
    if values.dtype.kind in "iu" and values.size and values.min() in (0, 1):
        first = int(values.min())
        return values.astype(np.int64) - first, np.arange(first, int(values.max()) + 1)
    labels, place = np.unique(values, return_inverse=True)
    return place.astype(np.int64), labels if labels.size else np.zeros(1, np.int64)
