"""A run that is differentiated, as SpikeCore knows it: opened once, evaluated as often as needed."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine import get_engine
from ..engine.session import Interrupt
from ..models.membrane import MembraneModel
from ..parameters import flag, shown
from ..run import Run, given_counts, prepare
from .free import Floats, Free, Pieces, free_parameters
from .losses import Setting, WeightedLosses, losses_of
from .surrogates import SuperSpike, Surrogate

MODES = ("surrogate", "soft", "relaxed")
TAPE_BYTES = 256 << 20

Data = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]


@dataclass(frozen=True)
class Outcome:
    """Loss, its terms, norms of the gradient by parameter, mean counts of neurons, gradients if asked for, and more."""

    loss: float
    losses: list[float]
    norms: list[float]
    counts: Floats
    gradients: list[Floats]
    accuracy: float  # NaN where there are no classes
    seconds: float  # by Julia's clock; NaN where that was not asked for


@dataclass(frozen=True)
class Question:
    """What is asked: a run, what is free in it, and how spikes are differentiated."""

    run: Run
    pieces: Pieces
    free: list[Free]
    losses: WeightedLosses
    params: dict[str, Any]
    arrays: dict[str, NDArray[Any]]

    def open(self) -> "Problem":
        return Problem(self)

    def named(self, values: Sequence[Floats]) -> dict[str, Floats]:
        """Values by the names of what is free."""
        return {free.name: value for free, value in zip(self.free, values, strict=True)}


def ask(
    loss: Any,
    model: Any,
    network: Any,
    stimulus: Any,
    data: Any,
    names: Any,
    *,
    duration: float | None,
    dt: float | None,
    trials: Any,
    seed: int | None,
    initial_state: Any,
    dtype: str,
    threads: int | None,
    device: str = "cpu",
    equilibration: float = 0.0,
    surrogate: Surrogate | None,
    mode: str,
    stochastic: bool,
    detach_reset: bool,
    detach_spikes: bool = False,
) -> Question:
    """Checks everything against everything; what it returns is valid."""
    losses = losses_of(loss)
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, got {shown(mode)}")
    if surrogate is None:
        surrogate = SuperSpike()
    if not isinstance(surrogate, Surrogate):
        raise TypeError(f"surrogate must be a surrogate such as SuperSpike(), got {shown(surrogate)}")
    spikes: Data | None = None
    if data is not None:
        dt = step_of(data, dt, model)
        spikes, data_trials, data_duration = data_spikes(data, network, dt)
        duration = data_duration if duration is None else duration
        if trials is None:
            trials = data_trials
    if duration is None:
        raise ValueError("duration must be given where there are no data that tell it")
    run = prepare(
        model, network, duration=duration, dt=dt, stimulus=stimulus, trials=1 if trials is None else trials, seed=seed,
        initial_state=initial_state, dtype=dtype, threads=threads, device=device, equilibration=equilibration,
    )  # fmt: skip
    if run.warm_up and isinstance(model, MembraneModel):
        raise ValueError(f"equilibration must be 0 for a {type(model).__name__}, got {equilibration} ms")
    if device != "cpu" and not isinstance(model, MembraneModel):
        raise ValueError(f"device must be 'cpu' for the gradient of a {type(model).__name__}, got {device!r}")
    if spikes is not None:
        spikes = fitted_spikes(spikes, run)
    variables = tuple(model.state()) if isinstance(model, MembraneModel) else ()
    setting = Setting(network, run.n_steps, run.dt, run.trials.size, spikes, variables)
    params = dict(run.params)
    arrays = dict(run.arrays)
    params["losses"] = []
    for j, (_, term) in enumerate(losses.terms, 1):
        if not term.differentiable:
            raise ValueError(
                f"loss must have a derivative where a gradient is followed, got {type(term).__name__}; methods that"
                ' search by populations, such as "cma_es", take it'
            )
        own, given = term.to_wire(setting)
        params["losses"].append({**own, "skip": run.warm_up})
        arrays |= {f"loss.{j}.{name}": np.ascontiguousarray(x) for name, x in given.items()}
        if run.warm_up:
            _begin_later(arrays, f"loss.{j}.", run)
    pieces = Pieces(model, network, stimulus, initial_state if isinstance(initial_state, Mapping) else {})
    free = free_parameters(names, run)
    params |= {
        "steps": run.warm_up + run.n_steps,
        "initial": "rest" if run.warm_up else params["initial"],
        "surrogate": surrogate.to_wire(),
        "mode": mode,
        "stochastic": flag("stochastic", stochastic),
        "detach_reset": flag("detach_reset", detach_reset),
        "detach_spikes": flag("detach_spikes", detach_spikes),
        "memory": float(TAPE_BYTES),
        "free": [slot.params for parameter in free for slot in parameter.slots],
    }
    return Question(run, pieces, free, losses, params, arrays)


def step_of(data: Any, dt: float | None, model: Any) -> float:
    """The step of the run [ms]: that of a dataset, or as asked for, or that of the model."""
    if not hasattr(data, "data_vars"):
        return float(model.default_dt if dt is None else dt)
    from ..dataset import provenance

    own = float(provenance(data, "data")["dt"])
    if dt is not None and not math.isclose(dt, own, rel_tol=1e-9):
        raise ValueError(f"dt must be that of the data, {own} ms, got {dt} ms")
    return own


def data_spikes(data: Any, network: Any, step: float) -> tuple[Data, NDArray[np.int64], float]:
    """Spikes of the data as (pointer by trial, step, neuron), the numbers of the trials, and the duration [ms]."""
    lists, ids, _ = given_counts(data, network, step)
    n_steps = lists[0].n_steps
    steps = [np.repeat(np.repeat(np.arange(x.n_steps), np.diff(x.pointer)), x.count).astype(np.int64) for x in lists]
    neurons = [np.repeat(x.neuron, x.count).astype(np.int32) for x in lists]
    pointer = np.concatenate([[0], np.cumsum([x.size for x in steps])]).astype(np.int64)
    return (pointer, np.concatenate(steps), np.concatenate(neurons)), ids, n_steps * step


def fitted_spikes(spikes: Data, run: Run) -> Data:
    """The data, with as many trials as the run and no spikes behind its end."""
    pointer, step, neuron = spikes
    trials = pointer.size - 1
    if trials not in (1, run.trials.size):
        raise ValueError(f"data must have one trial or as many as the run ({run.trials.size}), got {trials}")
    keep = step < run.n_steps
    pointer = np.concatenate([[0], np.cumsum(keep)])[pointer].astype(np.int64)
    step, neuron = step[keep], neuron[keep]
    if trials < run.trials.size:
        size = step.size
        step, neuron = np.tile(step, run.trials.size), np.tile(neuron, run.trials.size)
        pointer = np.arange(run.trials.size + 1, dtype=np.int64) * size
    return pointer, step, neuron


def _bytes(question: Question) -> float:
    """About what a session keeps: its arrays, and of each neuron and step the state and as much again."""
    run, given = question.run, sum(x.nbytes for x in question.arrays.values())
    return given + min(16.0 * 8 * run.network.n * run.trials.size * run.n_steps, TAPE_BYTES)


def _begin_later(arrays: dict[str, NDArray[Any]], prefix: str, run: Run) -> None:
    """The arrays of a loss where the run begins before what it looks at."""
    mask = arrays.get(f"{prefix}mask", np.ones(run.n_steps))
    arrays[f"{prefix}mask"] = np.concatenate([np.zeros(run.warm_up), mask])
    if f"{prefix}step" in arrays:
        arrays[f"{prefix}step"] = arrays[f"{prefix}step"] + run.warm_up


class Problem:
    """An open session of SpikeCore. Use as a context manager."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self._engine = get_engine()
        self._pid = os.getpid()
        self.interrupt: Interrupt | None = None  # where a Ctrl-C is noted while a fit goes on
        self._big = _bytes(question) > 1 << 26
        answer, _ = self._engine.submit("open_gradient", question.params, question.arrays).result()
        self._id: int = answer["session"]

    def __enter__(self) -> "Problem":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pid == os.getpid():
            self._engine.submit("close", {"session": self._id, "collect": self._big})

    def _call(self, method: str, params: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Any:
        future = self._engine.submit(method, {"session": self._id, **params}, arrays)
        return future.result() if self.interrupt is None else self.interrupt.result(future)

    def _slots(self, name: str, values: Sequence[Floats]) -> dict[str, NDArray[Any]]:
        flat = [x for free, value in zip(self.question.free, values, strict=True) for x in free.to_slots(value)]
        return {f"{name}.{k}": x for k, x in enumerate(flat, 1)}

    def _from_slots(self, name: str, arrays: dict[str, NDArray[Any]]) -> list[Floats]:
        found, k = [], 1
        for free in self.question.free:
            own = [np.array(arrays[f"{name}.{k + j}"], float) for j in range(len(free.slots))]
            k += len(own)
            found.append(free.from_slots(own))
        return found

    def _norms(self, norms: list[float]) -> list[float]:
        found, k = [], 0
        for free in self.question.free:
            found.append(float(np.sqrt(sum(x * x for x in norms[k : k + len(free.slots)]))))
            k += len(free.slots)
        return found

    def _outcome(self, answer: dict[str, Any], arrays: dict[str, NDArray[Any]], trials: int) -> Outcome:
        with_gradient = "gradient.1" in arrays
        return Outcome(
            float(answer["loss"]),
            [float(x) for x in answer["losses"]],
            self._norms([float(x) for x in answer["norms"]]) if answer["norms"] else [],
            np.array(arrays["counts"]) / trials,
            self._gradients(arrays) if with_gradient else [],
            float(answer["accuracy"][0]) if answer["accuracy"] else math.nan,
            float(answer.get("seconds", math.nan)),
        )

    def _gradients(self, arrays: dict[str, NDArray[Any]]) -> list[Floats]:
        found, k = [], 1
        for free in self.question.free:
            flat = np.zeros(free.value.size)
            for slot in free.slots:
                # Several numbers of a slot may belong to one value (a strength that all spikes share).
                own = slot.sign * np.array(arrays[f"gradient.{k}"])
                flat += np.bincount(np.arange(flat.size)[slot.chosen], own, flat.size)
                k += 1
            found.append(flat.reshape(free.value.shape))
        return found

    def evaluate(
        self,
        trials: Sequence[int],
        coefficients: Sequence[float],
        values: Sequence[Floats] | None = None,
        gradient: bool = True,
    ) -> Outcome:
        """Loss and gradient of some trials (positions) at `values`, or where it stands."""
        params = {
            "trials": list(map(int, trials)),
            "coefficients": list(map(float, coefficients)),
            "gradient": gradient,
        }
        arrays = {} if values is None else self._slots("value", values)
        answer, found = self._call("evaluate", params, arrays)
        return self._outcome(answer, found, len(trials))

    def improve(
        self, trials: Sequence[int], coefficients: Sequence[float], settings: dict[str, Any], rates: Sequence[float]
    ) -> Outcome:
        """One step of an optimiser; what it returns is of the values before the step."""
        params = {
            "trials": list(map(int, trials)),
            "coefficients": list(map(float, coefficients)),
            "settings": settings,
            "rates": [rate for free, rate in zip(self.question.free, rates, strict=True) for _ in free.slots],
        }
        answer, found = self._call("improve", params, {})
        return self._outcome(answer, found, len(trials))

    def put(self, values: Sequence[Floats], low: Sequence[Floats], high: Sequence[Floats]) -> None:
        """Sets values and bounds."""
        lows, highs, k = {}, {}, 1
        for free, a, b in zip(self.question.free, low, high, strict=True):
            for x, y in zip(free.to_slots(a), free.to_slots(b), strict=True):
                lows[f"low.{k}"], highs[f"high.{k}"] = np.minimum(x, y), np.maximum(x, y)
                k += 1
        self._call("take", {}, {**self._slots("value", values), **lows, **highs})

    def values(self) -> list[Floats]:
        """The values where it stands."""
        return self._from_slots("value", self._call("values", {}, {})[1])

    def reseed(self, seed: int) -> None:
        """Draws from `seed` from now on."""
        self._call("take", {"seed": seed}, {})

    def state(self) -> tuple[int, dict[str, NDArray[Any]]]:
        """Step and arrays of the optimiser, to go on from."""
        answer, arrays = self._call("values", {}, {})
        return int(answer["step"]), {name: np.array(x) for name, x in arrays.items()}

    def restore(self, step: int, arrays: dict[str, NDArray[Any]]) -> None:
        """Goes back to a state."""
        self._call("take", {"step": step}, arrays)
