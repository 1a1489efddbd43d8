"""find_current(): the constant current under which a neuron fires a given number of spikes. See ``excitability.py``."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .engine import JuliaError
from .excitability import _check, _unconnected
from .models.membrane import MembraneModel
from .parameters import Parameters, number, numbers, parameterised, quantity, seed_number, shown, steps, whole_number
from .run import step_length_of
from .simulate import simulate
from .stimulus import ConstantStimulus, Stimulus, StimulusSum

if TYPE_CHECKING:
    import xarray

Floats = NDArray[np.float64]

# Currents tried in a round: side by side in one run, or one after the other where each needs the same noise.
SIDE_BY_SIDE = 64
ONE_BY_ONE = 16
# The first round, in whatever unit the model has its currents: from none to far too much, each 1.35 times the last.
FIRST_ROUND = np.concatenate([[0.0], np.geomspace(1e-3, 1e5, SIDE_BY_SIDE - 1)])
MOST_ROUNDS = 100
# A bracket that is no wider than this part of its currents holds nothing that double precision tells apart.
SMALLEST = 1e-14


@parameterised
class CurrentStep(Parameters):
    """A protocol of current clamp: nothing before the onset, then a constant current until the recording ends."""

    onset: float = quantity(default=1000.0, unit="ms", description="begin of the step", range="nonnegative")
    duration: float = quantity(default=2000.0, unit="ms", description="length of the step", range="positive")

    @property
    def stop(self) -> float:
        """End of the step and of the recording [ms]."""
        return self.onset + self.duration

    def stimulus(self, current: float | Floats) -> ConstantStimulus:
        """The step as a stimulus.

        Parameters
        ----------
        current : float or array_like
            Strength, in the unit of the model's currents; one number, or one per neuron.
        """
        return ConstantStimulus(strength=current, start=self.onset, stop=self.stop, channel="current")  # type: ignore[arg-type]


@dataclass(frozen=True)
class FoundCurrent:
    """What :func:`find_current` returns.

    Attributes
    ----------
    current : float
        A current with exactly `n_spikes` spikes, in the middle of the interval.
    interval : tuple of two float
        The lowest and the highest current found with that many spikes, and with as many at all that were tried between.
    unit : str
        Unit of the currents.
    n_spikes : int
        Number of spikes during the step.
    protocol : CurrentStep
        The step.
    dataset : xarray.Dataset
        The run with this current.
    rounds : int
        How many rounds of currents were tried.
    """

    current: float
    interval: tuple[float, float]
    unit: str
    n_spikes: int
    protocol: CurrentStep
    dataset: "xarray.Dataset"
    rounds: int


def find_current(
    model: MembraneModel,
    n_spikes: int,
    protocol: CurrentStep | None = None,
    *,
    currents: ArrayLike | None = None,
    tolerance: float = 0.01,
    dt: float | None = None,
    stimulus: Stimulus | StimulusSum | None = None,
    seed: int | None = None,
) -> FoundCurrent:
    """The constant current under which a neuron fires exactly a given number of spikes.

    Each round tries 64 currents side by side, as unconnected neurons of one run, in the lowest bracket of currents with
    fewer and with more spikes, and then where the number begins and ceases to be the right one. Where the runs are
    random, the currents of a round are run one by one, so that all see the same random numbers: those of the seed.

    Parameters
    ----------
    model : MembraneModel
        The neuron, with one number for each parameter.
    n_spikes : int
        How many spikes it is to fire during the step, at least 1.
    protocol : CurrentStep, optional
        Onset and duration of the step; default 2 s after 1 s without current.
    currents : array_like, shape (current,), optional
        Currents of the first round, in the unit of the model's; the search stays between the lowest and the highest.
        Default: 0, and from 0.001 to 100,000; negative ones if there are too many spikes without a current.
    tolerance : float, default 0.01
        How well both ends of the interval are known, as a part of its width.
    dt : float, optional
        Length of a step [ms]; default the model's ``default_dt``.
    stimulus : Stimulus or sum of stimuli, optional
        What comes on top of the current, such as :class:`~pyspikenet.NoiseCurrent`.
    seed : int, optional
        Seed of all random numbers, the same for all currents; default: drawn afresh.

    Returns
    -------
    FoundCurrent
        The current, the interval around it, and the run.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is described here, or no current gives that many spikes: the message then has the
        nearest numbers of spikes and their currents.

    Examples
    --------
    >>> import pyspikenet as psn
    >>> found = psn.find_current(psn.LIF(), 10, psn.CurrentStep(onset=100, duration=500))
    >>> found.dataset.sizes["spike"]
    10
    """
    _check(model)
    if not model.takes_current:
        raise ValueError(f"model must take a current from outside, got {shown(model)}, whose equations do not use I")
    wanted = whole_number("n_spikes", n_spikes, 1)
    step = CurrentStep() if protocol is None else protocol
    if not isinstance(step, CurrentStep):
        raise TypeError(f"protocol must be a CurrentStep, got {shown(protocol)}")
    dt = step_length_of(model, dt, None, "")
    for name in ("onset", "duration"):
        steps(name, getattr(step, name), dt, minimum=name == "duration")
    if number("tolerance", tolerance, "positive") >= 1:
        raise ValueError(f"tolerance must be less than 1, got {tolerance}")
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1)[0])
    search = _Search(model, step, dt, stimulus, seed_number("seed", seed))
    search.begin(_first_round(currents), wanted, may_be_negative=currents is None)
    for _ in range(MOST_ROUNDS):
        gaps = search.gaps(wanted, tolerance)
        if not gaps:
            break
        search.narrow(gaps)
    if search.anchor is None:
        raise ValueError(search.nearest(wanted))
    low, high = (float(search.currents[k]) for k in search.interval(wanted, search.anchor))
    for current in (0.5 * (low + high), search.anchor):
        dataset = search.run(np.array([current]))
        if search.count(dataset)[0] == wanted:
            break
    return FoundCurrent(current, (low, high), model.current_unit, wanted, step, dataset, search.rounds)


def _first_round(given: ArrayLike | None) -> Floats:
    if given is None:
        return FIRST_ROUND
    found = np.unique(numbers("currents", given, each="current"))
    if np.ndim(given) != 1 or found.size < 2:
        raise ValueError(f"currents must be a 1-d array of at least two different numbers, got {shown(given)}")
    if found.size < SIDE_BY_SIDE:
        between = np.linspace(found[0], found[-1], SIDE_BY_SIDE - found.size + 2)
        found = np.unique(np.concatenate([found, between]))
    return found


class _Search:
    """The currents that were tried, in order, and how many spikes each gave."""

    def __init__(self, model: MembraneModel, step: CurrentStep, dt: float, stimulus: Any, seed: int) -> None:
        self.model, self.step, self.dt, self.stimulus, self.seed = model, step, dt, stimulus, seed
        self.currents: Floats = np.empty(0)
        self.counts: NDArray[np.int64] = np.empty(0, np.int64)
        self.one_by_one = False
        self.rounds = 0
        self.anchor: float | None = None
        self.failed = ""

    def run(self, currents: Floats) -> "xarray.Dataset":
        """A run with one neuron for each current."""
        step = self.step.stimulus(currents)
        dataset = simulate(
            self.model, _unconnected(currents.size), duration=self.step.stop, dt=self.dt, seed=self.seed,
            stimulus=step if self.stimulus is None else step + self.stimulus, progress=False,
        )  # fmt: skip
        if dataset.attrs["interrupted"]:
            raise KeyboardInterrupt
        return dataset

    def count(self, dataset: "xarray.Dataset") -> NDArray[np.int64]:
        """Number of spikes of each neuron during the step."""
        # Times are those of ends of steps: half a step keeps them apart from the onset.
        during = dataset.spike_time.values > self.step.onset + self.dt / 2
        return np.bincount(dataset.spike_neuron.values[during], minlength=dataset.sizes["neuron"])

    def begin(self, currents: Floats, wanted: int, may_be_negative: bool) -> None:
        """The first round. It runs each current twice, to see whether the same current gives the same spikes."""
        dataset, tried = self._finite(np.repeat(currents, 2))
        last = np.bincount(dataset.spike_neuron.values, dataset.spike_time.values, tried.size)
        if (last[::2] == last[1::2]).all():
            self._note(tried[::2], self.count(dataset)[::2])
        else:
            self.one_by_one = True
            self._try(np.union1d(tried[:: 2 * SIDE_BY_SIDE // ONE_BY_ONE], tried[-1:]))
        if may_be_negative and self.counts[0] > wanted:
            self._try(-currents[1:])

    def narrow(self, gaps: list[tuple[float, float]]) -> None:
        """A round within some gaps."""
        each = (ONE_BY_ONE if self.one_by_one else SIDE_BY_SIDE) // len(gaps)
        self._try(np.concatenate([np.linspace(low, high, each + 2)[1:-1] for low, high in gaps]))

    def gaps(self, wanted: int, tolerance: float) -> list[tuple[float, float]]:
        """Where to look next: where the right number is passed, or where the interval that has it begins and ends."""
        if self.anchor is None:
            bracket = self._begin_or_bracket(wanted)
            if self.anchor is None:
                return bracket
        first, last = self.interval(wanted, self.anchor)
        width = self.currents[last] - self.currents[first]
        found = [self._gap(k) for k in (first - 1, last) if 0 <= k < self.currents.size - 1]
        return [gap for gap in found if gap[1] - gap[0] > tolerance * width and not _is_closed(gap)]

    def interval(self, wanted: int, anchor: float) -> tuple[int, int]:
        """Positions of the first and the last current around `anchor` without another number of spikes between."""
        wrong = np.flatnonzero(self.counts != wanted)
        after = int(np.searchsorted(wrong, np.searchsorted(self.currents, anchor)))
        first = int(wrong[after - 1]) + 1 if after > 0 else 0
        last = int(wrong[after]) - 1 if after < wrong.size else self.counts.size - 1
        return first, last

    def _begin_or_bracket(self, wanted: int) -> list[tuple[float, float]]:
        """Sets the anchor where the number is first reached from below; or the gap in which it is passed."""
        less, right = self.counts < wanted, np.flatnonzero(self.counts == wanted)
        for k in np.flatnonzero(less[:-1] & ~less[1:]):
            if self.counts[k + 1] == wanted:
                right = np.array([k + 1])
                break
            if not _is_closed(self._gap(k)):
                return [self._gap(k)]
        if right.size:
            self.anchor = float(self.currents[right[0]])
            return []
        falling = (self._gap(k) for k in np.flatnonzero(~less[:-1] & less[1:]))
        return [gap for gap in falling if not _is_closed(gap)][:1]

    def _gap(self, k: Any) -> tuple[float, float]:
        return float(self.currents[k]), float(self.currents[k + 1])

    def nearest(self, wanted: int) -> str:
        """What to say where no current gives the right number."""
        unit = "" if self.model.current_unit == "1" else f" {self.model.current_unit}"
        said = []
        for which, some in (("fewer", self.counts < wanted), ("more", self.counts > wanted)):
            if some.any():
                best = self.counts[some].max() if which == "fewer" else self.counts[some].min()
                # Of the currents with this number, the one next to those on the other side.
                same = self.currents[self.counts == best]
                said.append(f"{best} at {float(same.max() if which == 'fewer' else same.min())!r}{unit}")
        limits = f"{self.currents.min():.6g} and {self.currents.max():.6g}{unit}" if self.currents.size else "these"
        return (
            f"n_spikes must be a number of spikes that a current between {limits} gives, got {wanted}; the nearest are"
            f" {' and '.join(said)}{self.failed}"
        )

    def _try(self, currents: Floats) -> None:
        if not self.one_by_one:
            dataset, tried = self._finite(currents)
            self._note(tried, self.count(dataset))
            return
        counts = []
        for k, current in enumerate(currents):
            try:
                counts.append(self.count(self.run(np.array([current])))[0])
            except JuliaError as problem:
                self._note_failure(problem, current)
                currents = currents[:k]
                break
        self._note(currents, np.array(counts, np.int64))

    def _finite(self, currents: Floats) -> tuple["xarray.Dataset", Floats]:
        """A run with as many of these currents as the state remains finite with."""
        while True:
            try:
                return self.run(currents), currents
            except JuliaError as problem:
                neuron = re.search(r"neuron (\d+)", str(problem))
                if neuron is None:
                    raise
                limit = currents[int(neuron[1])]
                self._note_failure(problem, limit)
                currents = currents[np.abs(currents) < np.abs(limit)]
                if not currents.size:
                    raise

    def _note_failure(self, problem: JuliaError, current: float) -> None:
        if "no longer finite" not in str(problem):
            raise problem
        self.failed = f"; at {current:.6g} the state is no longer finite, see dt"

    def _note(self, currents: Floats, counts: NDArray[np.int64]) -> None:
        self.rounds += 1
        order = np.argsort(np.concatenate([self.currents, currents]), kind="stable")
        self.currents = np.concatenate([self.currents, currents])[order]
        self.counts = np.concatenate([self.counts, counts])[order]


def _is_closed(gap: tuple[float, float]) -> bool:
    return gap[1] - gap[0] <= SMALLEST * max(abs(gap[0]), abs(gap[1]))
