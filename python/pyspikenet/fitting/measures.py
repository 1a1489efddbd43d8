"""What is measured of many candidates at once: features of their spike trains, and functions of their datasets."""

import dataclasses
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..parameters import shown
from .free import Floats
from .objectives import FEATURES

if TYPE_CHECKING:
    import xarray

    from ..run import Run

UNITS = {"rate": "Hz", "latency": "ms", "mean_interval": "ms"}


@dataclasses.dataclass(frozen=True)
class Measured:
    """A number or an array, the names of its dimensions, and coordinates along them."""

    dims: tuple[str, ...]
    values: Floats
    coords: dict[str, NDArray[Any]] = dataclasses.field(default_factory=dict)
    attrs: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Trains:
    """Spikes of candidates: ``step[offset[j]:offset[j + 1]]`` of cell j: neurons of trials of candidates."""

    offset: NDArray[np.int64]
    step: NDArray[np.int64]
    neurons: NDArray[np.int64]  # of each candidate
    trials: int

    def of(self, candidate: int) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
        """Step and neuron of a candidate's spikes, sorted by trial, step and neuron, and where each trial begins."""
        n = int(self.neurons[candidate])
        first = int(self.neurons[:candidate].sum()) * self.trials
        edges = self.offset[first : first + n * self.trials + 1]
        neuron = np.repeat(np.tile(np.arange(n, dtype=np.int32), self.trials), np.diff(edges))
        trial = np.repeat(np.arange(self.trials), np.diff(edges[::n]))
        step = self.step[edges[0] : edges[-1]]
        order = np.lexsort((neuron, step, trial))
        return step[order], neuron[order], np.searchsorted(trial[order], np.arange(self.trials + 1))


def dataset_of(run: "Run", step: Any, neuron: Any, pointer: Any) -> "xarray.Dataset":
    """The dataset of a candidate, with spikes alone."""
    from ..dataset import Recording, build

    recording = Recording(dataclasses.replace(run, record=(), warm_up=0))
    recording.add(
        {"spike_step": step + run.first_step, "spike_neuron": neuron, "trial_pointer": pointer}, run.n_steps, 0
    )
    return build(run, recording, None, False)


def called_with(function: Callable[[Any], Any], ds: "xarray.Dataset", values: Mapping[str, Any]) -> Any:
    """What the function says of a dataset; where it raises, a note tells of which candidate."""
    try:
        return function(ds)
    except Exception as problem:
        problem.add_note(f"raised by {name_of(function)} of the run with {dict(values)}")
        raise


def as_loss(function: Any, value: Any, values: Mapping[str, Any]) -> float:
    """The loss that a function returned."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"loss must be a function that returns a number, got {shown(value)} from {name_of(function)} of the run"
            f" with {dict(values)}"
        ) from None


def name_of(function: Any) -> str:
    """What a function is called."""
    return str(getattr(function, "__name__", type(function).__name__))


def as_measured(function: Any, value: Any) -> dict[str, Measured]:
    """What a function returned: numbers and arrays by name."""
    given = value if isinstance(value, Mapping) else {name_of(function): value}
    return {str(name): _measured(str(name), x) for name, x in given.items()}


def _measured(name: str, x: Any) -> Measured:
    labelled = hasattr(x, "dims") and hasattr(x, "coords")
    try:
        values = np.asarray(x.values if labelled else x)
        if values.dtype.kind not in "iufb":
            raise TypeError
    except (TypeError, ValueError):
        raise TypeError(f"measure must return numbers, arrays or a dict of them, got {shown(x)} for {name}") from None
    dims = tuple(map(str, x.dims)) if labelled else tuple(f"{name}_{k}" for k in range(values.ndim))
    coords = {str(d): np.asarray(x.coords[d].values) for d in x.dims if d in x.coords} if labelled else {}
    attrs = {k: v for k, v in x.attrs.items() if isinstance(v, str | int | float)} if labelled else {}
    return Measured(dims, values.astype(float), coords, attrs)


@dataclasses.dataclass(frozen=True)
class Measures:
    """Features by name, and functions of a dataset; `each`: what features are told apart by, of trial and neuron."""

    features: tuple[str, ...]
    functions: tuple[Callable[[Any], Any], ...]
    each: tuple[str, ...]

    def of_trains(self, trains: Trains, run: "Run") -> list[dict[str, Measured]]:
        """The features of each candidate."""
        found = features_of(self.features, trains, run.dt, run.n_steps)
        edges = np.concatenate([[0], np.cumsum(trains.neurons)]) * trains.trials
        return [
            {name: self._mean(name, x[a:b].reshape(trains.trials, -1), run) for name, x in found.items()}
            for a, b in pairwise(edges)
        ]

    def _mean(self, name: str, values: Floats, run: "Run") -> Measured:
        axes = tuple(k for k, x in enumerate(("trial", "neuron")) if x not in self.each)
        known = np.isfinite(values)
        with np.errstate(invalid="ignore"):
            mean = np.where(known, values, 0.0).sum(axis=axes) / known.sum(axis=axes)
        labels = run.network.labels
        every = {
            "trial": np.asarray(run.trials),
            "neuron": np.arange(values.shape[1]) if labels is None else np.asarray(labels),
        }
        coords = {x: y for x, y in every.items() if x in self.each}
        return Measured(tuple(coords), np.asarray(mean), coords, {"units": UNITS.get(name, "1")})


def measures_of(given: Any, each: Any) -> Measures:
    """Checks what is to be measured."""
    asked = [given] if isinstance(given, str) or callable(given) else given
    if not isinstance(asked, list | tuple) or not asked:
        raise TypeError(
            f"measure must be names of features, functions of a dataset, or a list of both, got {shown(given)}"
        )
    for x in asked:
        if not callable(x) and x not in FEATURES:
            raise ValueError(f"measure must be from {', '.join(FEATURES)}, or functions, got {shown(x)}")
    told = (each,) if isinstance(each, str) else each
    if not isinstance(told, list | tuple) or any(x not in ("trial", "neuron") for x in told):
        raise ValueError(f"each must be 'trial', 'neuron' or both, or (), got {shown(each)}")
    names = [x for x in asked if isinstance(x, str)]
    if len(set(names)) < len(names):
        raise ValueError(f"measure must name each feature once, got {shown(given)}")
    return Measures(tuple(names), tuple(x for x in asked if callable(x)), tuple(told))


def features_of(names: tuple[str, ...], trains: Trains, dt: float, n_steps: int) -> dict[str, Floats]:
    """Features of each cell's train, NaN where it has too few spikes; as those of :class:`FeatureLoss`."""
    offset, step = trains.offset, trains.step
    count = np.diff(offset)
    cell = np.repeat(np.arange(count.size), count)
    same = cell[1:] == cell[:-1]
    interval, owner = np.diff(step)[same] * dt, cell[1:][same]
    beside = owner[1:] == owner[:-1]
    total = (interval[1:] + interval[:-1])[beside]
    contrast = np.diff(interval)[beside] / np.where(total > 0, total, 1.0)
    pairs = owner[1:][beside]

    def mean(values: Floats, cells: NDArray[np.int64], least: int = 1) -> Floats:
        number = np.bincount(cells, minlength=count.size)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(number >= least, np.bincount(cells, values, count.size) / number, np.nan)

    def latency() -> Floats:
        found = np.full(count.size, np.nan)
        found[count > 0] = (step[offset[:-1][count > 0]] + 1) * dt
        return found

    def cv() -> Floats:
        middle = mean(interval, owner, 2)
        variance = mean((interval - middle[owner]) ** 2, owner, 2)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.sqrt(variance) / middle)

    known: dict[str, Callable[[], Floats]] = {
        "spike_count": lambda: count.astype(float),
        "rate": lambda: count * (1000.0 / (n_steps * dt)),
        "latency": latency,
        "mean_interval": lambda: mean(interval, owner),
        "cv": cv,
        "lv": lambda: mean(3 * contrast**2, pairs),
        "adaptation_index": lambda: mean(contrast, pairs),
    }
    return {name: known[name]() for name in names}
