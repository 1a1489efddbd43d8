"""What is compared with what: trains, sequences or datasets, checked against each other, and labels of the result.

Read ``trains.py`` next.
"""

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .engine import get_engine
from .parameters import number, shown
from .trains import Trains, dataset_trains, spike_trains

# A call of Julia is kept to about this long, so that a Ctrl-C is not kept waiting.
PIECE_NANOSECONDS = 2e8
# Rough time for a pair of trains of n and m spikes [ns]: per n + m, and per n * m.
COST = {"van_rossum": (10, 0), "victor_purpura": (5, 3), "coincidences": (5, 0), "isi": (20, 0), "spike": (60, 0)}


def _is_dataset(given: Any) -> bool:
    xarray = sys.modules.get("xarray")  # not imported for this: it takes long
    return xarray is not None and isinstance(given, xarray.Dataset)


class Comparison:
    """Two trains, sequences of trains or datasets that are compared, checked against each other.

    For datasets `trains` holds a pair of sequences for every block of trains that are compared with each other: all of
    them for matched pairs, and those of one trial for all pairs.
    """

    def __init__(self, a: Any, b: Any, pairs: str, names: tuple[str, str]) -> None:
        if pairs not in ("matched", "all"):
            raise ValueError(f"pairs must be 'matched' or 'all', got {shown(pairs)}")
        self.names = names
        self.all = pairs == "all" or b is None
        self.trials: NDArray[Any] | None = None
        self._datasets: tuple[Any, Any] | None = None
        if _is_dataset(a) or _is_dataset(b):
            self._take_datasets(a, a if b is None else b)
            self.itself = b is None
            return
        first = spike_trains(names[0], a)
        second = first if b is None else spike_trains(names[1], b)
        if not self.all and (first.one != second.one or len(first) != len(second)):
            sizes = ["one train" if x.one else f"{len(x)} trains" for x in (first, second)]
            raise ValueError(
                f"{names[0]} and {names[1]} must be two trains, or sequences of as many trains, got {sizes[0]} and"
                f' {sizes[1]}; pairs="all" compares all with all'
            )
        self.itself = b is None
        self.trains = [(first, second)]

    def _take_datasets(self, a: Any, b: Any) -> None:
        for name, x in zip(self.names, (a, b), strict=True):
            if not _is_dataset(x):
                raise TypeError(
                    f"{' and '.join(self.names)} must both be datasets, or none of them, got {shown(x)} as {name}"
                )
        trials, others = a.trial.values, b.trial.values
        if not np.array_equal(np.sort(trials), np.sort(others)):
            raise ValueError(f"{self.names[1]} must have the trials {trials.tolist()}, got {others.tolist()}")
        if not np.array_equal(a.neuron.values, b.neuron.values):
            sizes = f"{a.sizes['neuron']} and {b.sizes['neuron']}"
            raise ValueError(
                f"{' and '.join(self.names)} must have the same neurons, got {sizes} of them, or other labels"
            )
        self.trials, self._datasets = trials, (a, b)
        first = dataset_trains(a, trials)
        second = first if b is a else dataset_trains(b, trials)
        n = a.sizes["neuron"]
        step = n if self.all else len(first)
        self.trains = [(first.part(k, k + step), second.part(k, k + step)) for k in range(0, len(first), step or 1)]

    def duration(self, given: float | None) -> float:
        """The time that was recorded [ms]."""
        if given is not None:
            return number("duration", given, "positive")
        if self._datasets is None:
            raise TypeError("duration must be given for spike times [ms]")
        start, stop = self.span(None, None)
        return stop - start

    def span(self, t_start: float | None, t_stop: float | None) -> tuple[float, float]:
        """The time that is compared [ms]; all spikes are in it."""
        start, stop = (None if t is None else number(n, t) for n, t in (("t_start", t_start), ("t_stop", t_stop)))
        if self._datasets is not None:
            from .dataset import provenance

            spans = [(float(x["t_start"]), float(x["t_stop"])) for x in map(provenance, self._datasets)]
            if spans[0] != spans[1] and None in (start, stop):
                raise ValueError(f"t_start and t_stop must be given for datasets of different times, got {spans}")
            start = spans[0][0] if start is None else start
            stop = spans[0][1] if stop is None else stop
        if stop is None:
            raise TypeError("t_stop must be given for spike times [ms]")
        start = 0.0 if start is None else start
        if stop <= start:
            raise ValueError(f"t_stop must be after t_start = {start} ms, got {stop} ms")
        for first, second in self.trains:
            first.check_within(self.names[0], start, stop)
            second.check_within(self.names[1], start, stop)
        return start, stop

    def counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Numbers of spikes in the shape of what is measured, or to broadcast to it."""
        first, second = (np.stack([pair[k].counts for pair in self.trains]) for k in (0, 1))
        if self.all:
            return first[:, :, None], second[:, None, :]
        return first, second

    def measured(self, measure: str, settings: dict[str, Any]) -> NDArray[np.float64]:
        """The measure for all that is compared: (block, train) or (block, train of a, train of b)."""
        pairs = "all" if self.all else "matched"
        request = {"measure": measure, "pairs": pairs, "threads": get_engine().threads, **settings}
        return np.stack([_ask(first, second, self.itself, request) for first, second in self.trains])

    def labelled(self, name: str, values: NDArray[np.float64]) -> Any:
        """The measure as it is given to the caller."""
        if self.trials is None:
            first, second = self.trains[0]
            whole = values[0]
            return float(whole[0]) if first.one and second.one and not self.all else whole
        assert self._datasets is not None
        import xarray

        a, b = self._datasets
        coords = {k: v for k, v in a.coords.items() if set(v.dims) <= {"trial", "neuron"}}
        if not self.all:
            return xarray.DataArray(values.reshape(self.trials.size, -1), coords, ("trial", "neuron"), name)
        coords["neuron_2"] = ("neuron_2", b.neuron.values)
        return xarray.DataArray(values, coords, ("trial", "neuron", "neuron_2"), name)


def _ask(a: Trains, b: Trains, itself: bool, request: dict[str, Any]) -> NDArray[np.float64]:
    """What Julia measures, in pieces of some rows; half of it where `a` is compared with itself."""
    linear, product = COST[request["measure"]]
    n, m = a.counts.astype(float), b.counts.astype(float)
    if request["pairs"] == "matched":
        result, cost = np.empty(len(a)), linear * (n + m) + product * n * m
    else:
        result, cost = np.zeros((len(a), len(b))), linear * (n * len(b) + m.sum()) + product * n * m.sum()
    cuts = np.flatnonzero(np.diff((np.cumsum(cost) / PIECE_NANOSECONDS).astype(np.int64))) + 1
    for first, stop in zip([0, *cuts.tolist()], [*cuts.tolist(), len(a)], strict=True):
        other = b.part(first, stop) if request["pairs"] == "matched" else b
        above = first if itself else -len(a)
        arrays = a.part(first, stop).arrays("a") | other.arrays("b")
        _, answer = get_engine().submit("distances", {**request, "above": above}, arrays).result()
        result[first:stop] = answer["distance"]
    return result + result.T if itself else result
