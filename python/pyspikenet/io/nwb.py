"""Recordings in files of Neurodata Without Borders: units with spike times, and sweeps of current clamp."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import sampling
from .recording import Floats, Recorded, Signal, missing, same_length
from .units import Names, factor

WRONG = {"v": "volts", "I": "amperes"}


def read_file(path: Path, names: Names) -> Recorded:
    """Sweeps are trials, units are neurons; without sweeps, the whole session is one trial."""
    try:
        import pynwb
    except ImportError:
        raise missing("pynwb", "nwb", "files of Neurodata Without Borders") from None
    with pynwb.NWBHDF5IO(str(path), mode="r") as file:
        session = file.read()
        responses = _series(pynwb, session.acquisition, "v", names.columns.get("v"))
        stimuli = _series(pynwb, {**session.stimulus, **session.acquisition}, "I", names.columns.get("I"))
        stimuli = _matched(responses, stimuli)
        signals, windows = {}, None
        for name, series in (("v", responses), ("I", stimuli)):
            if series:
                signals[name], windows = _signal(name, series, len(responses or stimuli)), windows or _windows(series)
        with_spikes = session.units is not None and "spike_times" in session.units.colnames
        units = [np.asarray(x, float) * 1e3 for x in session.units["spike_times"][:]] if with_spikes else []
        labels = session.units.id[:].tolist() if with_spikes else None
        if windows is None:
            end = _observed(session.units)
            windows = [(0.0, end)] if units else []
    if not windows:
        raise ValueError(
            f"recording must hold units with spike times, or sweeps of current clamp, got none in {str(path)!r}"
        )
    return _recorded(str(path), signals, windows, units, labels)


def _recorded(
    source: str, signals: dict[str, Signal], windows: list[tuple[float, float]], units: list[Floats], labels: Any
) -> Recorded:
    times, neuron, trial = [np.empty(0)], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for k, (begin, end) in enumerate(windows):
        for i, train in enumerate(units):
            inside = train[(train > begin) & (train <= end)] if signals else train
            times.append(inside - begin)
            neuron.append(np.full(inside.size, i))
            trial.append(np.full(inside.size, k))
    durations = np.array([end - begin for begin, end in windows])
    channels = max((x.values.shape[2] for x in signals.values()), default=0)
    return Recorded(
        source, np.concatenate(times), np.concatenate(neuron), np.concatenate(trial), len(units) or channels,
        len(windows), durations if np.isfinite(durations).all() else None, signals, labels if units else None,
    )  # fmt: skip


def _series(pynwb: Any, group: Any, name: str, wanted: str | None) -> list[Any]:
    """Series of this quantity in the order of time: those of a patch clamp, or the one that is named."""
    found = []
    for series in group.values():
        if not isinstance(series, pynwb.TimeSeries) or (wanted is not None and series.name != wanted):
            continue
        if wanted is None and not isinstance(series, pynwb.icephys.PatchClampSeries):
            continue
        try:
            factor(name, str(series.unit), "unit")
        except ValueError:
            if wanted is None:
                continue
            raise ValueError(
                f"columns[{name!r}] must be a series in {WRONG[name]}, got {wanted!r} in {series.unit}"
            ) from None
        found.append(series)
    if wanted is not None and not found:
        raise ValueError(f"columns[{name!r}] must be one of {sorted(group)}, got {wanted!r}")
    return sorted(found, key=lambda x: (_begin(x), x.name))


def _matched(responses: list[Any], stimuli: list[Any]) -> list[Any]:
    """The stimulus of every response: by number of the sweep, or in the order of time."""
    if not responses or not stimuli:
        return stimuli
    by_sweep = {x.sweep_number: x for x in stimuli}
    sweeps = [x.sweep_number for x in responses]
    if None not in by_sweep and len(by_sweep) == len(stimuli) and set(sweeps) <= set(by_sweep):
        return [by_sweep[k] for k in sweeps]
    if len(stimuli) == 1:
        return stimuli * len(responses)
    if len(stimuli) != len(responses):
        raise ValueError(
            f"recording must have one stimulus or one for each response, got {len(stimuli)} for {len(responses)};"
            " columns= chooses among them"
        )
    return stimuli


def _begin(series: Any) -> float:
    """Begin of a series [ms]."""
    if series.timestamps is not None:
        return float(series.timestamps[0]) * 1e3
    return 0.0 if series.starting_time is None else float(series.starting_time) * 1e3


def _interval(series: Any) -> float:
    if series.rate is not None:
        return float(f"{1e3 / float(series.rate):.12g}")
    time = np.asarray(series.timestamps[:], float) * 1e3
    return sampling(time - time[0])[1]


def _signal(name: str, series: list[Any], n_trials: int) -> Signal:
    intervals = [_interval(x) for x in series]
    if not all(math.isclose(x, intervals[0], rel_tol=1e-6) for x in intervals):
        raise ValueError(
            f"recording must have {name} sampled at one rate, got samples every {sorted(set(intervals))} ms"
        )
    values = []
    for x in series:
        data = np.asarray(x.data[:], float) * float(x.conversion) + float(getattr(x, "offset", 0.0) or 0.0)
        values.append((data if data.ndim == 2 else data[:, None]) * factor(name, str(x.unit), "unit"))
    found = same_length(name, values, intervals[0])
    return Signal(
        found if len(series) == n_trials else np.broadcast_to(found, (n_trials, *found.shape[1:])), intervals[0]
    )


def _windows(series: list[Any]) -> list[tuple[float, float]]:
    """Begin and end of every sweep [ms]."""
    return [(_begin(x), _begin(x) + len(x.data) * _interval(x)) for x in series]


def _observed(units: Any) -> float:
    """End of the time in which the units were observed [ms], infinite where the file does not tell."""
    if units is None or "obs_intervals" not in units.colnames:
        return math.inf
    return float(max((np.max(x) for x in units["obs_intervals"][:] if len(x)), default=math.inf)) * 1e3
