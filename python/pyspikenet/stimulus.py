"""Stimuli: what reaches neurons from outside. They add up with ``+``.

Step k of a simulation sees a stimulus at ``t = k dt``, the beginning of the step. In cascade models a stimulus adds to
the drive; with ``channel=`` it first passes through the kernel of that name of a :class:`~pyspikenet.Cascade`.
"""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .limits import MOST_STEPS, check_memory
from .parameters import (
    Parameters,
    as_array,
    number,
    numbers,
    option,
    parameterised,
    quantity,
    seed_number,
    shown,
)

if TYPE_CHECKING:
    from .network import Network

Wire = tuple[dict[str, Any], dict[str, NDArray[Any]]]

TARGETS = "targets: all neurons (None), the name of a group, labels, a boolean mask, or indices"


def _targets() -> Any:
    return option(
        default=None,
        kind="None, str or array_like",
        description=f"{TARGETS}; a strength given as an array has one value per target, in the same order",
    )


def _channel() -> Any:
    return option(
        default=None, kind="str or None", description="name of the stimulus kernel of a Cascade to pass through"
    )


def _start() -> Any:
    return quantity(default=0.0, unit="ms", description="begin", range="nonnegative")


def _stop() -> Any:
    return quantity(default=None, unit="ms", description="end; None: never", range="nonnegative", optional=True)


class Stimulus(Parameters):
    """Base of the stimuli."""

    targets: Any
    channel: str | None

    def _validate(self) -> None:
        start, stop = getattr(self, "start", None), getattr(self, "stop", None)
        if start is not None and stop is not None and stop <= start:
            raise ValueError(f"stop must be later than start = {start} ms, got {stop} ms")
        if self.channel is not None and not isinstance(self.channel, str):
            raise TypeError(f"channel must be the name of a stimulus kernel, got {shown(self.channel)}")
        if self.targets is not None and not isinstance(self.targets, str):
            targets = as_array("targets", self.targets)
            if (targets.dtype.kind not in "biuU" and targets.size) or targets.ndim > 1:
                raise TypeError(
                    "targets must be None, the name of a group, labels, a boolean mask or indices, got"
                    f" {shown(self.targets)} of dtype {targets.dtype}"
                )
            object.__setattr__(self, "targets", targets)

    def __add__(self, other: "Stimulus | StimulusSum") -> "StimulusSum":
        if not isinstance(other, Stimulus | StimulusSum):
            return NotImplemented
        return StimulusSum([*self.parts(), *other.parts()])

    def parts(self) -> "list[Stimulus]":
        return [self]

    def to_wire(self, network: "Network", dt: float, steps: int, trials: int) -> Wire:
        """Numbers and arrays for SpikeCore; `steps` and `trials` are those of the run."""
        params: dict[str, Any] = {}
        arrays: dict[str, NDArray[Any]] = {}
        reached = network.n
        if self.targets is not None:
            given = network.positions(self.targets)
            if given.size == 0:
                raise ValueError(f"targets must hold at least one neuron, got {shown(self.targets)}")
            indices, order = np.unique(given, return_index=True)
            arrays["neurons"] = indices.astype(np.int32)
            reached = given.size
        for name in ("start", "stop"):
            value = getattr(self, name, None)
            if value is not None:
                params[name] = value
        self._describe(params, arrays, network, dt, steps, trials)
        for name in ("strength", "rate"):
            value = arrays.get(name)
            if value is not None and value.size != reached:
                raise ValueError(
                    f"{name} must be one number or have one value per target ({reached}), got shape {value.shape}"
                )
        per_target = [name for name in ("strength", "rate", "data") if name in arrays]
        if params.get("kind") == "series" and "data" in per_target:
            per_target.remove("data")
        if self.targets is not None and per_target:
            if indices.size != reached:
                raise ValueError(
                    f"targets must be distinct where each has values of its own, got {shown(self.targets)}"
                )
            for name in per_target:  # SpikeCore wants targets in the order of the neurons, and their values with them
                arrays[name] = np.ascontiguousarray(arrays[name][..., order])
        return params, arrays

    def _describe(
        self, params: dict[str, Any], arrays: dict[str, Any], network: "Network", dt: float, steps: int, trials: int
    ) -> None:
        raise TypeError(f"{type(self).__name__} cannot be used as a stimulus")

    def _put(self, params: dict[str, Any], arrays: dict[str, Any], wire_name: str, value: Any) -> None:
        (arrays if isinstance(value, np.ndarray) else params)[wire_name] = value


class StimulusSum:
    """Several stimuli that act together."""

    def __init__(self, stimuli: list[Stimulus]) -> None:
        self.stimuli = tuple(stimuli)

    def parts(self) -> list[Stimulus]:
        return list(self.stimuli)

    def __add__(self, other: "Stimulus | StimulusSum") -> "StimulusSum":
        if not isinstance(other, Stimulus | StimulusSum):
            return NotImplemented
        return StimulusSum([*self.parts(), *other.parts()])

    def __iter__(self) -> Iterator[Stimulus]:
        return iter(self.stimuli)

    def __len__(self) -> int:
        return len(self.stimuli)

    def __getitem__(self, index: int) -> Stimulus:
        return self.stimuli[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StimulusSum) and self.stimuli == other.stimuli

    def __hash__(self) -> int:
        return hash(self.stimuli)

    def __repr__(self) -> str:
        return " + ".join(map(repr, self.stimuli))


@parameterised
class ConstantStimulus(Stimulus):
    """The same drive all the time: ``strength`` for ``start <= t < stop``."""

    strength: float = quantity(default=1.0, description="what is added to the drive", varies=True, each="target")
    start: float = _start()
    stop: float | None = _stop()
    targets: Any = _targets()
    channel: str | None = _channel()

    def _describe(self, params: Any, arrays: Any, network: Any, dt: float, steps: int, trials: int) -> None:
        params["kind"] = "constant"
        self._put(params, arrays, "strength", self.strength)


@parameterised
class RegularStimulus(Stimulus):
    """Regular pulses: on while ``((t - start) mod period) < duration``."""

    strength: float = quantity(
        default=1.0, description="what is added to the drive while on", varies=True, each="target"
    )
    period: float = quantity(unit="ms", description="time from pulse to pulse", range="positive")
    duration: float = quantity(unit="ms", description="length of a pulse", range="positive")
    start: float = _start()
    stop: float | None = _stop()
    targets: Any = _targets()
    channel: str | None = _channel()

    def _describe(self, params: Any, arrays: Any, network: Any, dt: float, steps: int, trials: int) -> None:
        params |= {"kind": "regular", "period": self.period, "duration": self.duration}
        self._put(params, arrays, "strength", self.strength)


@parameterised
class PoissonStimulus(Stimulus):
    """Pulses that begin at the times of a Poisson process and last ``duration``; overlapping pulses do not add up."""

    strength: float = quantity(
        default=1.0, description="what is added to the drive while on", varies=True, each="target"
    )
    mean_interval: float = quantity(unit="ms", description="mean time between pulses", range="positive")
    duration: float = quantity(unit="ms", description="length of a pulse", range="positive")
    intervals: str = option(
        default="exponential",
        kind='{"exponential", "poisson"}',
        description="intervals of a Poisson process, or Poisson-distributed whole numbers of steps (Spikeometric)",
    )
    seed: int | None = option(
        default=None,
        kind="int or None",
        description="the same pulses in every trial and run; None: drawn per trial from the seed of the run",
    )
    start: float = _start()
    stop: float | None = _stop()
    targets: Any = _targets()
    channel: str | None = _channel()

    def _validate(self) -> None:
        super()._validate()
        if self.intervals not in ("exponential", "poisson"):
            raise ValueError(f"intervals must be 'exponential' or 'poisson', got {shown(self.intervals)}")
        if self.seed is not None:
            object.__setattr__(self, "seed", seed_number("seed", self.seed))

    def _describe(self, params: Any, arrays: Any, network: Any, dt: float, steps: int, trials: int) -> None:
        params |= {"kind": "pulses", "mean_interval": self.mean_interval, "duration": self.duration}
        params["whole_intervals"] = self.intervals == "poisson"
        if self.seed is not None:
            params["seed"] = self.seed
        self._put(params, arrays, "strength", self.strength)


@parameterised
class SinStimulus(Stimulus):
    """A sine wave: ``amplitude * sin(2 pi (t - start) / period + phase) + baseline`` for ``start <= t < stop``."""

    amplitude: float = quantity(default=1.0, description="amplitude", varies=True, each="target")
    period: float = quantity(unit="ms", description="period", range="positive")
    phase: float = quantity(default=0.0, unit="rad", description="phase at start")
    baseline: float = quantity(default=0.0, description="what is added besides the wave")
    start: float = _start()
    stop: float | None = _stop()
    targets: Any = _targets()
    channel: str | None = _channel()

    @property
    def strength(self) -> Any:
        """Another name of the amplitude."""
        return self.amplitude

    def _describe(self, params: Any, arrays: Any, network: Any, dt: float, steps: int, trials: int) -> None:
        params |= {"kind": "sine", "period": self.period, "phase": self.phase, "baseline": 0.0}
        self._put(params, arrays, "strength", self.amplitude)

    def parts(self) -> list[Stimulus]:
        if self.baseline == 0:
            return [self]
        level = ConstantStimulus(
            strength=self.baseline, start=self.start, stop=self.stop, targets=self.targets, channel=self.channel
        )
        return [self.replace(baseline=0.0), level]


@parameterised
class ArrayStimulus(Stimulus):
    """A stimulus given by numbers, each held for ``dt``; zero before ``start`` and after the last number.

    The shape of `data` tells what it is: ``(time,)`` the same for all targets, ``(time, target)`` one column per
    target, ``(trial, time, target)`` different in each trial. With `weights` of shape ``(channel, target)`` the columns
    are channels that reach the targets with these weights. True and False, as encoders give them, are 1 and 0.
    """

    data: Any = option(kind="array_like or path of a .npy or .nc file", description="the numbers")
    strength: float = quantity(default=1.0, description="factor of all numbers", varies=True, each="target")
    dt: float = quantity(unit="ms", description="time between two numbers", range="positive")
    weights: Any = option(default=None, kind="array_like of shape (channel, target), or None", description="see above")
    start: float = _start()
    targets: Any = _targets()
    channel: str | None = _channel()

    def _validate(self) -> None:
        super()._validate()
        given = _load(self.data) if isinstance(self.data, str | Path) else self.data
        are_spikes = as_array("data", given).dtype == bool
        data = numbers("data", np.asarray(given, np.int8) if are_spikes else given)
        if data.ndim not in (1, 2, 3) or data.size == 0:
            raise ValueError(
                "data must have shape (time,), (time, target) or (trial, time, target) and not be empty, got"
                f" {data.shape}"
            )
        object.__setattr__(self, "data", data)
        if self.weights is not None:
            weights = numbers("weights", self.weights)
            if weights.ndim != 2 or data.ndim == 1 or weights.shape[0] != data.shape[-1]:
                raise ValueError(
                    "weights must have shape (channel, target) with as many channels as data has columns, got"
                    f" {weights.shape} for data of shape {data.shape}"
                )
            object.__setattr__(self, "weights", weights)

    def _describe(self, params: Any, arrays: Any, network: "Network", dt: float, steps: int, trials: int) -> None:
        reached = arrays["neurons"].size if "neurons" in arrays else network.n
        data = self.data
        if data.ndim == 3 and data.shape[0] not in (1, trials):
            raise ValueError(f"data must have one trial or as many as the run ({trials}), got shape {data.shape}")
        params["dt"] = self.dt
        if self.weights is not None:
            if self.weights.shape[1] != reached:
                raise ValueError(f"weights must have one column per target ({reached}), got shape {self.weights.shape}")
            data = data @ self.weights
        if data.ndim == 1:
            params["kind"] = "series"
        else:
            params["kind"] = "table"
            if data.shape[-1] != reached:
                raise ValueError(f"data must have one column per target ({reached}), got shape {data.shape}")
        arrays["data"] = np.ascontiguousarray(data)
        self._put(params, arrays, "strength", self.strength)


@parameterised
class FunctionStimulus(Stimulus):
    """A function of time, evaluated once for every step of a run at ``t = k dt`` in ms."""

    function: Callable[[Any], Any] = option(
        kind="callable", description="f(t): takes an array of times, or one time at a time, and returns numbers"
    )
    strength: float = quantity(default=1.0, description="factor of the function", varies=True, each="target")
    targets: Any = _targets()
    channel: str | None = _channel()

    def _validate(self) -> None:
        super()._validate()
        if not callable(self.function):
            raise TypeError(f"function must be callable, got {self.function!r}")

    def _describe(self, params: Any, arrays: Any, network: Any, dt: float, steps: int, trials: int) -> None:
        check_memory("duration", 40.0 * steps, f"{steps} steps of a FunctionStimulus")
        t = np.arange(steps) * dt
        try:
            values = np.asarray(self.function(t), dtype=float)
        except (TypeError, ValueError):
            values = np.array([])
        if values.shape != t.shape:
            values = np.array([number("function(t)", self.function(float(x))) for x in t])
        params |= {"kind": "series", "dt": dt}
        arrays["data"] = numbers("function(t)", values, each="step")
        self._put(params, arrays, "strength", self.strength)

    def to_dict(self) -> dict[str, Any]:
        name = getattr(self.function, "__qualname__", repr(self.function))
        return super().to_dict() | {"function": name}


@parameterised
class SpikeStimulus(Stimulus):
    """Given spikes: each adds ``strength`` to the drive of its neuron in the step that contains its time."""

    times: Any = option(kind="array_like, shape (spike,)", description="times of the spikes [ms]")
    neurons: Any = option(kind="array_like of int, shape (spike,)", description="the neuron that each one reaches")
    strength: Any = quantity(default=1.0, description="what each spike adds", varies=True, each="spike")
    channel: str | None = _channel()
    targets = None

    def _validate(self) -> None:
        super()._validate()
        times = numbers("times", self.times, "nonnegative", each="spike")
        neurons = as_array("neurons", self.neurons)
        if neurons.dtype.kind not in "iu" and neurons.size:
            raise TypeError(f"neurons must be whole numbers, got {shown(self.neurons)} of dtype {neurons.dtype}")
        if times.ndim != 1 or neurons.shape != times.shape:
            raise ValueError(
                f"times and neurons must be 1-d and equally long, got shapes {times.shape} and {neurons.shape}"
            )
        if isinstance(self.strength, np.ndarray) and self.strength.shape != times.shape:
            raise ValueError(
                f"strength must be one number or one per spike ({times.size}), got shape {self.strength.shape}"
            )
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "neurons", neurons.astype(np.int64))

    def to_wire(self, network: "Network", dt: float, steps: int, trials: int) -> Wire:
        if self.neurons.size and (self.neurons.min() < 0 or self.neurons.max() >= network.n):
            bad = self.neurons[(self.neurons < 0) | (self.neurons >= network.n)][0]
            raise ValueError(f"neurons must lie in 0..{network.n - 1}, got {bad}")
        step = np.floor(np.minimum(self.times / dt, MOST_STEPS) + 1e-6).astype(np.int64)
        order = np.lexsort((self.neurons, step))
        order = order[step[order] < steps]
        weight = np.broadcast_to(self.strength, step.shape)[order]
        arrays = {
            "step": step[order],
            "neuron": self.neurons[order].astype(np.int32),
            "weight": np.array(weight, float),
        }
        return {"kind": "spikes"}, arrays


@parameterised
class PoissonInput(Stimulus):
    """Independent Poisson spikes into each target: ``weight`` times a Poisson count of mean ``rate * dt`` per step."""

    rate: float = quantity(unit="Hz", description="rate of the spikes", range="nonnegative", varies=True, each="target")
    weight: float = quantity(default=1.0, description="what each spike adds to the drive", varies=True, each="target")
    most: float | None = quantity(
        default=None,
        description="most spikes of a target in one step; None: any number",
        range="positive",
        optional=True,
    )
    start: float = _start()
    stop: float | None = _stop()
    targets: Any = _targets()
    channel: str | None = _channel()

    def _describe(self, params: Any, arrays: Any, network: Any, dt: float, steps: int, trials: int) -> None:
        params["kind"] = "poisson"
        self._put(params, arrays, "rate", self.rate)
        self._put(params, arrays, "strength", self.weight)
        if self.most is not None:
            params["most"] = self.most


@parameterised
class NoiseCurrent(Stimulus):
    """Gaussian noise, independent for each target.

    ``tau = 0``: white, a new number of standard deviation ``sigma`` in each step. Otherwise an Ornstein-Uhlenbeck
    process of stationary standard deviation ``sigma`` and correlation time ``tau``, stationary from the first step on.
    """

    sigma: float = quantity(unit="1", description="standard deviation", range="nonnegative", varies=True, each="target")
    tau: float = quantity(
        default=0.0, unit="ms", description="correlation time; 0 for white noise", range="nonnegative"
    )
    start: float = _start()
    stop: float | None = _stop()
    targets: Any = _targets()
    channel: str | None = _channel()

    def _describe(self, params: Any, arrays: Any, network: Any, dt: float, steps: int, trials: int) -> None:
        params |= {"kind": "noise", "tau": self.tau}
        self._put(params, arrays, "strength", self.sigma)


def stimulus_parts(stimulus: Any) -> list[Stimulus]:
    """The single stimuli of None, a stimulus or a sum of stimuli."""
    if stimulus is None:
        return []
    if isinstance(stimulus, Stimulus | StimulusSum):
        return [part for one in stimulus.parts() for part in one.parts()]
    raise TypeError(
        f"stimulus must be a stimulus or a sum of stimuli (a + b), got {type(stimulus).__name__}: {shown(stimulus)}"
    )


def _load(path: str | Path) -> NDArray[Any]:
    """Numbers from a .npy file, or from the only variable of a .nc file."""
    file = Path(path)
    if not file.is_file():
        raise ValueError(f"data must be an array or the path of a file, got {str(path)!r}, which is no file")
    if file.suffix == ".npy":
        try:
            return np.asarray(np.load(file, allow_pickle=False))
        except (ValueError, EOFError):
            raise ValueError(f"data must be a .npy file of numbers, got {str(path)!r}, which is not") from None
    if file.suffix == ".nc":
        import xarray

        with xarray.open_dataset(file) as dataset:
            names = list(dataset.data_vars)
            if len(names) != 1:
                raise ValueError(f"data: {file} must hold one variable, got {names}")
            return np.asarray(dataset[names[0]].values)
    raise ValueError(f"data must be a .npy or .nc file, got {str(path)!r}")


__all__ = [name for name, x in globals().items() if dataclasses.is_dataclass(x)]
