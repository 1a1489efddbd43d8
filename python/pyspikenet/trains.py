"""Spike trains as Julia takes them, from whatever they are given as. Read ``distances.py`` next."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .parameters import as_array, shown

if TYPE_CHECKING:
    import xarray

EXPECTED = "spike times in ms, a sequence of spike trains, or a dataset of spikes"


@dataclass(frozen=True)
class Trains:
    """Sorted spike trains, one after the other: train i has ``times[offset[i]:offset[i + 1]]``."""

    times: NDArray[np.float64]
    offset: NDArray[np.int64]
    one: bool  # whether a single train was given, not a sequence

    def __len__(self) -> int:
        return self.offset.size - 1

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of spikes of each train."""
        return np.diff(self.offset)

    def part(self, first: int, stop: int) -> "Trains":
        """Trains `first` to `stop` - 1."""
        begin, end = self.offset[first], self.offset[stop]
        return Trains(self.times[begin:end], self.offset[first : stop + 1] - begin, self.one)

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """As arrays for Julia."""
        return {f"{name}.times": self.times, f"{name}.offset": self.offset}

    def check_within(self, name: str, t_start: float, t_stop: float) -> None:
        """The error that names the first spike outside of [`t_start`, `t_stop`]."""
        outside = (self.times < t_start) | (self.times > t_stop)
        if outside.any():
            k = int(np.flatnonzero(outside)[0])
            place = "" if self.one else f" (train {int(np.searchsorted(self.offset, k, side='right')) - 1})"
            raise ValueError(
                f"{name} must have its spikes from t_start = {t_start} to t_stop = {t_stop} ms, got one at"
                f" {self.times[k]} ms{place}"
            )


def spike_trains(name: str, given: Any) -> Trains:
    """One train or a sequence of them, sorted, or the error that names the first bad entry."""
    if _is_one(given):
        return _joined(name, [train_times(name, given)], True)
    return _joined(name, [train_times(f"{name}[{k}]", x) for k, x in enumerate(given)], False)


def dataset_trains(dataset: "xarray.Dataset", trials: NDArray[Any]) -> Trains:
    """The trains of all neurons in these trials: train ``position of the trial * neurons + neuron``."""
    n = dataset.sizes["neuron"]
    owner = positions(dataset.spike_trial.values, trials) * n + dataset.spike_neuron.values.astype(np.int64)
    times = np.asarray(dataset.spike_time.values, np.float64)
    offset = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=n * trials.size))])
    return Trains(times[np.lexsort((times, owner))], offset.astype(np.int64), False)


def positions(trial: NDArray[Any], trials: NDArray[Any]) -> NDArray[np.int64]:
    """Where each entry of `trial` is among `trials`."""
    order = np.argsort(trials)
    return np.asarray(order[np.searchsorted(trials, trial, sorter=order)])


def _is_one(given: Any) -> bool:
    """Whether `given` is one train: numbers, not a sequence of sequences."""
    if isinstance(given, np.ndarray) and given.dtype.kind != "O":
        return given.ndim < 2
    if isinstance(given, str | bytes) or not hasattr(given, "__len__") or not hasattr(given, "__iter__"):
        return True
    return all(np.ndim(x) == 0 for x in given) if len(given) < 2 else np.ndim(next(iter(given))) == 0


def train_times(name: str, given: Any) -> NDArray[np.float64]:
    """Spike times in ms; trains with a unit of their own, such as those of Neo, are converted."""
    if type(given) is np.ndarray and given.dtype == np.float64 and given.ndim == 1:
        return given
    if hasattr(given, "rescale"):
        given = given.rescale("ms").magnitude
    array = given if isinstance(given, np.ndarray) else as_array(name, given)
    if array.dtype.kind not in "iuf" or isinstance(given, str | bytes | dict | set):
        raise TypeError(f"{name} must be {EXPECTED}, got {shown(given)}")
    if array.ndim != 1:
        raise ValueError(f"{name} must be a 1-d array of spike times, got shape {array.shape}")
    return array.astype(np.float64, copy=False)


def _joined(name: str, trains: list[NDArray[np.float64]], one: bool) -> Trains:
    sizes = np.fromiter(map(len, trains), np.int64, len(trains))
    offset = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    times = np.concatenate([np.empty(0), *trains])
    finite = np.isfinite(times)
    if not finite.all():
        k = int(np.flatnonzero(~finite)[0])
        train = int(np.searchsorted(offset, k, side="right")) - 1
        place = f"index {k}" if one else f"train {train}, index {k - int(offset[train])}"
        raise ValueError(f"{name} must be finite spike times, got {times[k]} ({place})")
    rising = np.diff(times) >= 0
    borders = offset[(offset > 0) & (offset < times.size)]
    rising[borders - 1] = True
    if not rising.all():
        times = times[np.lexsort((times, np.repeat(np.arange(len(trains)), sizes)))]
    return Trains(times, offset, one)
