"""What every form of recording becomes first, and from there a dataset. Read ``arrays.py`` next."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray
from numpy.typing import NDArray

from .._version import __version__
from ..dataset import ATTRIBUTE
from ..parameters import number, steps

Floats = NDArray[Any]  # float64

DEFAULT_DT = 0.1  # of spike times without a sampled signal beside them [ms]
QUANTITIES = {"v": ("mV", "membrane potential"), "I": ("pA", "input current from outside")}


@dataclass(frozen=True)
class Signal:
    """A sampled quantity: ``values[trial, k, channel]`` is that at ``begin + k dt`` [ms] of the trial."""

    values: Floats
    dt: float
    begin: float = 0.0


@dataclass(frozen=True)
class Recorded:
    """Spikes [ms since the begin of their trial], signals [mV, pA], and how long the trials are, if known."""

    source: str
    times: Floats
    neuron: NDArray[np.int64]
    trial: NDArray[np.int64]
    n: int
    n_trials: int
    durations: Floats | None = None
    signals: Mapping[str, Signal] = field(default_factory=dict)
    labels: Any = None
    coords: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Window:
    """Which part of each trial is wanted, and in steps of what length [ms]."""

    dt: float
    start: float
    n_steps: int

    @property
    def stop(self) -> float:
        return self.start + self.n_steps * self.dt


def spikes_of(trials: list[list[Floats]]) -> dict[str, Any]:
    """Trains of every neuron in every trial as the fields of a :class:`Recorded`."""
    trains = [train for trial in trials for train in trial]
    n = len(trials[0]) if trials else 0
    sizes = [train.size for train in trains]
    cell = np.repeat(np.arange(len(trains)), sizes)
    return {
        "times": np.concatenate([np.empty(0), *trains]),
        "neuron": cell % max(n, 1),
        "trial": cell // max(n, 1),
        "n": n,
        "n_trials": len(trials),
    }


def build(
    recorded: Recorded, *, dt: float | None, t_start: float | None, t_stop: float | None, threshold: float | None
) -> xarray.Dataset:
    """The dataset of a recording, whose time begins with 0."""
    if threshold is not None:
        recorded = _with_crossings(recorded, number("threshold", threshold))
    window = _window(recorded, dt, t_start, t_stop)
    step, neuron, trial = _spike_steps(recorded, window, t_start is None and t_stop is None)
    ms = {"units": "ms"}
    ids = np.arange(recorded.n_trials)
    labels = np.arange(recorded.n) if recorded.labels is None else np.asarray(recorded.labels)
    coords: dict[str, Any] = {"neuron": ("neuron", labels), "trial": ("trial", ids), **recorded.coords}
    variables: dict[str, Any] = {
        "spike_time": ("spike", (step + 1) * window.dt, ms | {"long_name": "end of the step in which the spike fell"}),
        "spike_neuron": (
            "spike", neuron.astype(np.int32), {"long_name": "position of the neuron along the dimension neuron"},
        ),
        "spike_trial": ("spike", trial, {"long_name": "number of the trial"}),
    }  # fmt: skip
    for name, signal in recorded.signals.items():
        time, values = _cut(signal, window)
        unit, what = QUANTITIES[name]
        coords["time"] = ("time", time, ms)
        channels = values.shape[2]
        if channels == 1 != recorded.n:
            dims: tuple[str, ...] = ("trial", "time")
            values = values[:, :, 0]
        else:
            dims = ("trial", "time", "neuron" if channels == recorded.n else "channel")
        variables[name] = (dims, np.ascontiguousarray(values), {"units": unit, "long_name": what})
    about = {
        "version": __version__,
        "model": {"class": "recording"},
        "source": recorded.source,
        "network": {"n": recorded.n, "n_synapses": 0},
        "stimulus": [],
        "dt": window.dt,
        "t_start": 0.0,
        "t_stop": window.n_steps * window.dt,
        "first_step": 0,
        "n_steps": window.n_steps,
        "equilibration": 0.0,
        "trials": ids.tolist(),
        "seed": None,
        "dtype": "float64",
        "record": list(recorded.signals),
        "plasticity": [],
        "interrupted": False,
    }
    return xarray.Dataset(variables, coords, {ATTRIBUTE: json.dumps(about), "interrupted": 0})


def _with_crossings(recorded: Recorded, threshold: float) -> Recorded:
    """The recording with a spike wherever the potential comes to reach the threshold."""
    v = recorded.signals.get("v")
    if v is None:
        raise ValueError(f"threshold must not be given without a membrane potential, got {threshold} mV")
    trial, k, channel = np.nonzero((v.values[:, :-1] < threshold) & (v.values[:, 1:] >= threshold))
    n = v.values.shape[2]
    known = n == recorded.n
    return Recorded(
        recorded.source, v.begin + (k + 1) * v.dt, channel, trial, n, recorded.n_trials, recorded.durations,
        recorded.signals, recorded.labels if known else None, recorded.coords if known else {},
    )  # fmt: skip


def _window(recorded: Recorded, dt: float | None, t_start: float | None, t_stop: float | None) -> Window:
    sampled = list(recorded.signals.values())
    for other in sampled[1:]:
        first = sampled[0]
        if abs(other.dt - first.dt) > 1e-6 * first.dt or abs(other.begin - first.begin) > 1e-3 * first.dt:
            raise ValueError(
                "recording must have v and I sampled at the same times, got samples every"
                f" {first.dt:.6g} ms from {first.begin:.6g} ms and every {other.dt:.6g} ms from {other.begin:.6g} ms;"
                " columns= chooses among several signals"
            )
    own = sampled[0].dt if sampled else None
    length = (DEFAULT_DT if own is None else own) if dt is None else number("dt", dt, "positive")
    if own is not None and abs(length - own) > 1e-6 * own:
        raise ValueError(f"dt must be that of the samples of the recording, {own:.10g} ms, got {length} ms")
    start = 0.0 if t_start is None else number("t_start", t_start, "nonnegative")
    if t_stop is not None:
        stop = number("t_stop", t_stop, "positive")
        if stop <= start:
            raise ValueError(f"t_stop must be after t_start = {start} ms, got {stop} ms")
        shortest = np.inf if recorded.durations is None else recorded.durations.min()
        if stop > shortest + 0.5 * length:
            raise ValueError(f"t_stop must be no later than the end of every trial, {shortest:.10g} ms, got {stop} ms")
        count = steps("t_stop - t_start", stop - start, length, minimum=1)
        return Window(length, start, count)
    if recorded.durations is None:
        raise ValueError(
            "t_stop must be given for spike times: the end of the recording [ms], which may be after the last spike"
        )
    if np.ptp(recorded.durations) > 0.5 * length:
        raise ValueError(
            f"t_stop must be given for trials of different length, at most {recorded.durations.min():.10g} ms; they"
            f" last up to {recorded.durations.max():.10g} ms"
        )
    # What is left of a step at the end is a step, because there may be a spike in it.
    count = int(np.ceil((recorded.durations.min() - start) / length - 1e-6))
    if count < 1:
        raise ValueError(f"t_start must be before the end of the recording, {recorded.durations.min()} ms, got {start}")
    return Window(length, start, count)


def _spike_steps(
    recorded: Recorded, window: Window, whole: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Step, neuron and trial of every spike in the window, sorted by trial, step and neuron."""
    times = recorded.times
    if not np.isfinite(times).all():
        raise ValueError(f"recording must have finite spike times, got {times[~np.isfinite(times)][0]}")
    # A spike at the end of a step belongs to it; one at the very begin to the first.
    step = np.ceil((times - window.start) / window.dt - 1e-6).astype(np.int64) - 1
    step[times == 0.0] = 0 if window.start == 0 else -1
    inside = (step >= 0) & (step < window.n_steps)
    if whole and not inside.all():
        raise ValueError(
            f"recording must have spike times in 0..{window.stop:.10g} ms, the time of the recording, got"
            f" {times[~inside][0]:.10g} ms; t_start and t_stop cut out a part of it"
        )
    step, neuron, trial = step[inside], recorded.neuron[inside], recorded.trial[inside]
    order = np.lexsort((neuron, step, trial))
    return step[order], neuron[order].astype(np.int64), trial[order].astype(np.int64)


def _cut(signal: Signal, window: Window) -> tuple[Floats, Floats]:
    """Times [ms] and values of the samples in the window, at most one for each of its steps."""
    # Signals have samples at the begins of steps, or, as datasets of simulate() do, at their ends.
    behind = max(int(np.ceil(signal.begin / signal.dt - 1e-6)) - 1, 0)
    step = behind + np.arange(signal.values.shape[1]) - round(window.start / signal.dt)
    inside = (step >= 0) & (step < window.n_steps)
    time = signal.begin + np.arange(step.size) * signal.dt - window.start
    return time[inside], signal.values[:, inside]


def check_same_size(trials: list[Any], what: str) -> None:
    """The error of trials of which one has more or fewer neurons or channels than the first."""
    for k, trial in enumerate(trials):
        if len(trial) != len(trials[0]):
            raise ValueError(
                f"recording must have as many {what} in each trial, got {len(trials[0])} in trial 0 and {len(trial)} in"
                f" trial {k}"
            )


def same_length(name: str, values: list[Floats], dt: float) -> Floats:
    """Signals (time, channel) of several trials as (trial, time, channel), cut by at most one sample."""
    lengths = [len(x) for x in values]
    if max(lengths) - min(lengths) > 1:
        raise ValueError(
            f"recording must have trials of equal length, got {name} of {min(lengths) * dt:.10g} to"
            f" {max(lengths) * dt:.10g} ms"
        )
    if len({x.shape[1] for x in values}) > 1:
        raise ValueError(
            f"recording must have as many channels of {name} in each trial, got {[x.shape[1] for x in values]}"
        )
    return np.stack([x[: min(lengths)] for x in values])


def missing(package: str, extra: str, what: str) -> ImportError:
    """The error that says which extra to install."""
    return ImportError(f"{what} need the package {package}; install pyspikenet[{extra}]")
