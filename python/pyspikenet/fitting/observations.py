"""Spike data in the forms that people have them in, as lists of spikes by trial and neuron. Read ``design.py`` next."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..parameters import as_array, number, numbers, shown, steps
from ..run import spike_counts


@dataclass(frozen=True, eq=False)
class Observations:
    """Spikes of neuron i in trial r, from zero: ``step[pointer[k]:pointer[k + 1]]`` with k = r n + i."""

    n: int
    dt: float
    n_steps: NDArray[np.int64]
    pointer: NDArray[np.int64]
    step: NDArray[np.int64]
    count: NDArray[np.float64]
    labels: NDArray[Any]
    trials: NDArray[Any]
    n_trials: int

    @property
    def n_bins(self) -> int:
        return int(self.n_steps.sum())

    def spikes(self, segments: NDArray[np.int64]) -> NDArray[np.float64]:
        """Number of spikes of every neuron in some ``(trial, first step, end)``."""
        return self._sums(segments, self.count)

    def cell(self) -> NDArray[np.int64]:
        """Trial and neuron of every spike, r n + i."""
        return np.repeat(np.arange(self.n_trials * self.n), np.diff(self.pointer))

    def _sums(self, segments: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
        cell = self.cell()
        inside = np.zeros(self.step.size, bool)
        for trial, first, end in segments:
            inside |= (cell // self.n == trial) & (self.step >= first) & (self.step < end)
        return np.bincount(cell[inside] % self.n, values[inside], self.n).astype(np.float64)

    def reference(self, segments: NDArray[np.int64], emission: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """Log-likelihood of the best constant rate, and of a model that knows the counts, for every neuron."""
        from scipy.special import gammaln, xlogy

        bins, spikes = float((segments[:, 2] - segments[:, 1]).sum()), self.spikes(segments)
        if emission == "bernoulli":
            return xlogy(spikes, spikes / bins) + xlogy(bins - spikes, 1 - spikes / bins), np.zeros(self.n)
        constant = self._sums(segments, gammaln(self.count + 1))
        saturated = self._sums(segments, xlogy(self.count, self.count) - self.count) - constant
        return xlogy(spikes, spikes / bins) - spikes - constant, saturated

    def whole(self) -> NDArray[np.int64]:
        """All steps, as segments ``(trial, first step, end)``."""
        zero = np.zeros(self.n_trials, np.int64)
        return np.stack([np.arange(self.n_trials), zero, self.n_steps], axis=1)


def observe(data: Any, dt: Any, duration: Any, emission: str) -> Observations:
    """`data` as observations, or the error that names what is wrong with it."""
    if hasattr(data, "data_vars"):
        found = _from_dataset(data, dt, duration)
    elif isinstance(data, list | tuple) and (duration is not None or _is_ragged(data)):
        found = _from_times(data, dt, duration)
    else:
        found = _from_counts(data, dt, duration)
    if emission == "bernoulli" and found.count.size and found.count.max() > 1:
        k = int(np.argmax(found.count > 1))
        cell = int(np.searchsorted(found.pointer, k, side="right")) - 1
        raise ValueError(
            f"data must have at most one spike per step of dt = {found.dt} ms for emission='bernoulli', got"
            f" {found.count[k]:.0f} (trial {cell // found.n}, step {found.step[k]}, neuron {cell % found.n}); take a"
            " smaller dt or emission='poisson'"
        )
    return found


def _is_ragged(data: Sequence[Any]) -> bool:
    """Whether the lists differ in length, as trains of spike times do."""
    try:
        return bool(np.asarray(data).dtype.kind == "O")
    except ValueError:
        return True


def _collect(
    cell: NDArray[np.int64], step: NDArray[np.int64], count: NDArray[Any], n: int, dt: float, n_steps: Any, labels: Any,
    trials: Any,
) -> Observations:  # fmt: skip
    """Sorts spikes by cell (trial and neuron) and step, and joins those of the same step."""
    per_cell = int(np.max(n_steps))
    key, place = np.unique(cell * per_cell + step, return_inverse=True)
    joined = np.bincount(place, count, key.size).astype(np.float64)
    lengths = np.asarray(n_steps, dtype=np.int64)
    pointer = np.searchsorted(key, np.arange(lengths.size * n + 1) * per_cell).astype(np.int64)
    return Observations(
        n, dt, lengths, pointer, (key % per_cell).astype(np.int64), joined, labels, trials, lengths.size
    )


def _from_dataset(data: Any, dt: Any, duration: Any) -> Observations:
    from ..analysis import trial_positions
    from ..dataset import provenance

    about = provenance(data, "data")
    if duration is not None:
        raise ValueError(f"duration must not be given with a dataset, which has its own, got {duration}")
    if "spike_time" not in data or int(about["n_steps"]) < 1:
        raise ValueError(f"data must hold the spikes of at least one step, got {[str(x) for x in data.data_vars]}")
    own = float(about["dt"])
    width = own if dt is None else number("dt", dt, "positive")
    per_bin = round(width / own)
    if per_bin < 1 or abs(per_bin * own - width) > 1e-6 * own:
        raise ValueError(f"dt must be a multiple of that of the dataset, {own} ms, got {width} ms")
    n, n_steps = data.sizes["neuron"], int(about["n_steps"]) // per_bin
    if n_steps < 1:
        raise ValueError(f"dt must be no longer than the dataset, {about['n_steps'] * own} ms, got {width} ms")
    step = (np.rint((data.spike_time.values - about["t_start"]) / own).astype(np.int64) - 1) // per_bin
    inside = step < n_steps
    cell = trial_positions(data) * n + data.spike_neuron.values
    n_trials, ones = data.sizes["trial"], np.ones(int(inside.sum()))
    return _collect(
        cell[inside], step[inside], ones, n, width, [n_steps] * n_trials, data.neuron.values, data.trial.values
    )


def _from_counts(data: Any, dt: Any, duration: Any) -> Observations:
    if dt is None:
        raise ValueError("dt must be given with spike counts: the length of a step [ms], got None")
    width = number("dt", dt, "positive")
    if duration is not None:
        raise ValueError(f"duration must not be given with spike counts, got {duration}")
    values = getattr(data, "values", data)
    array = as_array("data", values)
    if array.ndim not in (2, 3):
        raise ValueError(
            f"data must be a dataset, counts (time, neuron) or (trial, time, neuron), or lists of spike times, got"
            f" shape {array.shape}"
        )
    counts = spike_counts("data", values, array.shape[-1])
    trial, step, neuron = np.nonzero(counts)
    n_trials, n_steps, n = counts.shape
    known = getattr(data, "coords", {})
    labels = known["neuron"].values if "neuron" in known else np.arange(n)
    found = counts[trial, step, neuron]
    return _collect(trial * n + neuron, step, found, n, width, [n_steps] * n_trials, labels, np.arange(n_trials))


def _from_times(data: Sequence[Any], dt: Any, duration: Any) -> Observations:
    if dt is None or duration is None:
        raise ValueError(
            f"dt and duration must be given with spike times [ms], got dt={shown(dt)}, duration={shown(duration)}"
        )
    width = number("dt", dt, "positive")
    n_steps = steps("duration", duration, width, minimum=1)
    nested = any(np.ndim(x) > 0 for trial in data for x in trial)
    trials = list(data) if nested else [data]
    n = len(trials[0])
    cells, found = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for r, trial in enumerate(trials):
        if len(trial) != n:
            raise ValueError(
                f"data must have as many neurons in each trial, got {n} in trial 0 and {len(trial)} in {r}"
            )
        for i, train in enumerate(trial):
            times = numbers(f"data (trial {r}, neuron {i})", np.asarray(train, dtype=float), each="spike")
            # A spike at the end of a step belongs to it; one at 0 to the first.
            step = np.maximum(np.ceil(times / width - 1e-9).astype(np.int64) - 1, 0)
            if times.size and (times.min() < 0 or step.max() >= n_steps):
                bad = times.min() if times.min() < 0 else times.max()
                raise ValueError(
                    f"data must be spike times in 0..duration = {duration} ms, got {bad} ms (trial {r}, neuron {i})"
                )
            cells.append(np.full(step.size, r * n + i))
            found.append(step)
    cell, step = np.concatenate(cells), np.concatenate(found)
    return _collect(
        cell, step, np.ones(step.size), n, width, [n_steps] * len(trials), np.arange(n), np.arange(len(trials))
    )  # fmt: skip


def stimulus_array(stimulus: Any, observations: Observations) -> NDArray[np.float64]:
    """A stimulus as (trial, channel, time); empty if there is none."""
    if stimulus is None:
        return np.empty((0, 0, 0))
    if as_array("stimulus", getattr(stimulus, "values", stimulus)).dtype.kind not in "biuf":
        raise TypeError(
            "stimulus must be an array of numbers (time,), (time, channel) or (trial, time, channel), one for each"
            f" step, got {shown(stimulus)}"
        )
    array = numbers("stimulus", np.asarray(getattr(stimulus, "values", stimulus), dtype=float))
    array = array[:, None] if array.ndim == 1 else array
    array = array[None] if array.ndim == 2 else array
    longest = int(observations.n_steps.max())
    if array.ndim != 3 or array.shape[1] != longest or array.shape[0] not in (1, observations.n_trials):
        raise ValueError(
            f"stimulus must have shape ({longest},), ({longest}, channel) or ({observations.n_trials}, {longest},"
            f" channel) for {longest} steps of dt = {observations.dt} ms and {observations.n_trials} trials, got"
            f" {np.shape(stimulus)}"
        )
    whole = np.broadcast_to(array, (observations.n_trials, *array.shape[1:]))
    return np.ascontiguousarray(whole.transpose(0, 2, 1))
