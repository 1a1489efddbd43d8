"""Recordings as Neo's objects, and in all files that Neo reads; datasets as Neo's objects."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray

from ..parameters import shown
from .recording import QUANTITIES, Floats, Recorded, Signal, check_same_size, missing, same_length, spikes_of
from .units import Names

if TYPE_CHECKING:
    import neo


def is_neo(given: Any) -> bool:
    """Whether something is one of Neo's objects, or a list of them."""
    one = given[0] if isinstance(given, list | tuple) and given else given
    return type(one).__module__.startswith("neo.")


def read_file(path: Path, names: Names) -> Recorded:
    """A file in whatever format Neo knows by its ending."""
    neo = _neo("recordings other than .csv, .npy, .npz, .nwb and .aedat4")
    try:
        reader = neo.io.get_io(str(path))
    except (AssertionError, OSError, ValueError, KeyError) as problem:
        raise ValueError(
            f"recording must be a file in a format that is known here or to Neo, got {str(path)!r}: {problem}"
        ) from None
    return read_objects(reader.read(), names, str(path))


def read_objects(given: Any, names: Names, source: str = "neo") -> Recorded:
    """Blocks, segments or spike trains: a segment is a trial, its spike trains are neurons."""
    neo = _neo("Neo's objects")
    segments = _segments(neo, given)
    begins = [_begin(segment) for segment in segments]
    trials = [
        [(_ms(train.times) - begin) for train in segment.spiketrains]
        for segment, begin in zip(segments, begins, strict=True)
    ]
    check_same_size(trials, "spike trains")
    signals = {}
    for name, (unit, _) in QUANTITIES.items():
        signal = _signal(segments, begins, name, unit, names.columns.get(name))
        if signal is not None:
            signals[name] = signal
    if not trials[0] and not signals:
        raise ValueError(f"recording must hold spike trains, or signals in volts or amperes, got none in {source!r}")
    spikes = spikes_of(trials)
    if not trials[0]:
        spikes["n"] = max(x.values.shape[2] for x in signals.values())
    ends = np.array([_end(segment) - begin for segment, begin in zip(segments, begins, strict=True)])
    return Recorded(source=source, durations=ends, signals=signals, labels=_labels(segments[0]), **spikes)


def to_neo(dataset: xarray.Dataset) -> "neo.Block":
    """A dataset as a Block of Neo: a segment for each trial, in it a spike train for each neuron, and the signals.

    Parameters
    ----------
    dataset : xarray.Dataset
        Dataset of spikes; what was recorded besides becomes analog signals.
    """
    neo = _neo("Neo's objects")
    import quantities

    from ..analysis import trains
    from ..dataset import provenance

    about = provenance(dataset)
    labels = [str(x) for x in dataset.neuron.values]
    block = neo.Block(name=about["model"]["class"], pyspikenet=dataset.attrs["pyspikenet"])
    for k, trial in enumerate(dataset.trial.values):
        segment = neo.Segment(name=f"trial {trial}", index=k)
        for label, times in zip(labels, trains(dataset, trial), strict=True):
            segment.spiketrains.append(
                neo.SpikeTrain(times, t_start=about["t_start"], t_stop=about["t_stop"], units="ms", name=label)
            )
        for name, variable in dataset.data_vars.items():
            if variable.dims[:2] != ("trial", "time") or variable.sizes["time"] == 0:
                continue
            try:
                unit = quantities.Quantity(1.0, variable.attrs.get("units", "1"))
            except LookupError:  # one that only this package knows, such as "unit of v"
                unit = quantities.dimensionless
            times = dataset.time.values
            interval = times[1] - times[0] if times.size > 1 else about["dt"]
            values = variable.values[k].reshape(times.size, -1)
            settings = {"t_start": times[0] * quantities.ms, "sampling_period": interval * quantities.ms}
            segment.analogsignals.append(neo.AnalogSignal(values, units=unit, name=str(name), **settings))
        block.segments.append(segment)
    return block


def _neo(what: str) -> Any:
    try:
        import neo
    except ImportError:
        raise missing("neo", "neo", what) from None
    return neo


def _segments(neo: Any, given: Any) -> list[Any]:
    items = [given] if isinstance(given, neo.Block | neo.Segment | neo.SpikeTrain) else list(given)
    if items and all(isinstance(x, neo.SpikeTrain) for x in items):
        segment = neo.Segment()
        segment.spiketrains.extend(items)
        return [segment]
    found: list[Any] = []
    for item in items:
        if not isinstance(item, neo.Block | neo.Segment):
            raise TypeError(f"recording must be blocks, segments or spike trains of Neo, got {shown(item)}")
        found += item.segments if isinstance(item, neo.Block) else [item]
    if not found:
        raise ValueError("recording must hold at least one segment, got none")
    return found


def _ms(quantity: Any) -> Floats:
    return np.asarray(quantity.rescale("ms").magnitude, float)


def _begin(segment: Any) -> float:
    return min((float(_ms(x.t_start)) for x in (*segment.spiketrains, *segment.analogsignals)), default=0.0)


def _end(segment: Any) -> float:
    """End of the spike trains, or without any of the signals [ms]."""
    parts = segment.spiketrains if len(segment.spiketrains) else segment.analogsignals
    return max((float(_ms(x.t_stop)) for x in parts), default=0.0)


def _signal(segments: list[Any], begins: list[float], name: str, unit: str, wanted: str | None) -> Signal | None:
    """The signals of this unit in all segments, their channels side by side."""
    chosen = []
    for k, segment in enumerate(segments):
        fitting = [x for x in segment.analogsignals if _is_of(x, unit) and wanted in (None, x.name)]
        if wanted is not None and not fitting:
            raise ValueError(
                f"columns[{name!r}] must be one of {[x.name for x in segment.analogsignals if _is_of(x, unit)]}, the"
                f" signals in {unit} or its like in segment {k}, got {wanted!r}"
            )
        chosen.append(fitting)
    if not any(chosen):
        return None
    check_same_size(chosen, f"signals in {unit}")
    first = chosen[0][0]
    dt, begin = float(_ms(first.sampling_period)), float(_ms(first.t_start)) - begins[0]
    for found, start in zip(chosen, begins, strict=True):
        for x in found:
            if (
                abs(float(_ms(x.sampling_period)) - dt) > 1e-6 * dt
                or abs(float(_ms(x.t_start)) - start - begin) > 1e-3 * dt
                or len(x) != len(found[0])
            ):
                raise ValueError(
                    f"recording must have all signals in {unit} sampled at the same times, got {first.name!r} and"
                    f" {x.name!r}; columns={{{name!r}: ...}} chooses one by name"
                )
    values = [np.concatenate([np.asarray(x.rescale(unit).magnitude, float) for x in found], axis=1) for found in chosen]
    return Signal(same_length(name, values, dt), _rounded(dt), begin if abs(begin) > 1e-9 * dt else 0.0)


def _is_of(signal: Any, unit: str) -> bool:
    try:
        signal.units.rescale(unit)
    except ValueError:
        return False
    return True


def _rounded(dt: float) -> float:
    """An interval without what division by a sampling rate leaves in the last digits."""
    return float(f"{dt:.12g}")


def _labels(segment: Any) -> list[str] | None:
    """Names of the spike trains, where all have one of their own that is not a number."""
    names = [str(x.name or "") for x in segment.spiketrains]
    fitting = len(set(names)) == len(names) > 0 and all(names) and not all(x.isdigit() for x in names)
    return names if fitting else None
