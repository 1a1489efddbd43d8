"""Many candidates at once: what each is, simulated side by side and judged by SpikeCore. Read ``evolve.py`` next."""

import dataclasses
import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine import get_engine
from ..engine.session import PIECE_SECONDS, Interrupt
from ..models.base import Model
from ..models.membrane import MembraneModel
from ..network import Network
from ..run import Run, prepare
from .free import SCALE, Floats, Free, Pieces, free_parameters, with_values
from .losses import Loss, Setting, VoltageLoss, WeightedLosses
from .measures import Measured, Measures, Trains, as_loss, as_measured, called_with, dataset_of
from .problem import Data, data_spikes, fitted_spikes, step_of
from .space import Categorical, Real, Space

FIRST_PIECE = 2e8  # neurons times steps: about 0.2 s


@dataclasses.dataclass(frozen=True)
class Task:
    """What candidates are made of and judged by: all that a process needs to know, plain enough to be pickled.

    `model`, `network` and `stimuli` are given ones, or functions of the values of a candidate by name. `names` belong
    to the space: ``(name, shape)`` of each parameter, whose numbers are consecutive dimensions.
    """

    model: Any
    network: Any
    stimuli: tuple[Any, ...]
    data: tuple[Any, ...]
    space: Space
    names: tuple[tuple[str, tuple[int, ...]], ...]
    objectives: tuple[Any, ...]  # WeightedLosses, or functions of a dataset
    settings: dict[str, Any]  # duration, dt, trials, seed, initial_state, dtype, threads, device, equilibration
    measures: Measures | None = None  # what is measured of each candidate, besides

    def values(self, row: Floats) -> dict[str, Any]:
        """The values of a candidate by name."""
        numbers = list(self.space.decode(row[None])[0].values())
        return {
            name: np.array(numbers[own], float).reshape(shape) if shape else numbers[own.start]
            for name, shape, own in self.places()
        }

    def places(self) -> Iterator[tuple[str, tuple[int, ...], slice]]:
        """Name and shape of each parameter, and which dimensions of the space are its numbers."""
        k = 0
        for name, shape in self.names:
            size = math.prod(shape)
            yield name, shape, slice(k, k + size)
            k += size

    def start(self) -> dict[str, Any]:
        """Values in the middle of the space, but weights as they are: what the others are checked with."""
        middle = (self.space.low + self.space.high) / 2
        real = np.array([isinstance(x, Real) for x in self.space.dimensions.values()])
        values = self.values(np.where(real, middle, np.floor(middle)))
        return {name: 1.0 if name.split(".")[0] == SCALE else x for name, x in values.items()}

    def pieces(self, values: Mapping[str, Any], protocol: int) -> Pieces:
        """Model, network and stimulus of a candidate."""
        parts = (self.model, self.network, self.stimuli[protocol])
        model, network, stimulus = (x(dict(values)) if is_builder(x) else x for x in parts)
        initial = self.settings["initial_state"]
        pieces = Pieces(model, network, stimulus, initial if isinstance(initial, Mapping) else {})
        direct = {name: np.asarray(values[name], float) for name in self.direct}
        if "weight" in direct and direct["weight"].ndim == 0:
            direct["weight"] = np.full(network.n_synapses, float(direct["weight"]))
        return with_values(pieces, direct)

    @property
    def builds(self) -> bool:
        """Whether a piece is made by a function."""
        return any(is_builder(x) for x in (self.model, self.network, *self.stimuli))

    @property
    def direct(self) -> list[str]:
        """The parameters that are not for functions only."""
        return [name for name, _ in self.names if name not in self.settings["for_builders"]]

    @property
    def losses(self) -> list[Loss]:
        """All losses of all objectives."""
        return [loss for x in self.objectives if isinstance(x, WeightedLosses) for _, loss in x.terms]

    @property
    def n_terms(self) -> int:
        """Losses, and functions of a dataset."""
        return sum(len(x.terms) if isinstance(x, WeightedLosses) else 1 for x in self.objectives)


def is_builder(x: Any) -> bool:
    """Whether `x` is a function that makes a piece."""
    return callable(x) and not isinstance(x, Model | Network)


@dataclasses.dataclass
class Judged:
    """Losses of candidates, shape (candidate, term), mean over protocols, NaN where one failed; and why it did.

    And what was measured of each, under the first protocol; nothing of those that failed.
    """

    losses: Floats
    reasons: dict[int, str]
    measured: list[dict[str, Measured]] = dataclasses.field(default_factory=list)


def joined(parts: list[Judged]) -> Judged:
    """What became of candidates that were judged in parts, in their order."""
    first = np.cumsum([0, *(len(x.losses) for x in parts)])
    reasons = {int(k) + c: why for k, x in zip(first, parts, strict=False) for c, why in sorted(x.reasons.items())}
    return Judged(np.concatenate([x.losses for x in parts]), reasons, [y for x in parts for y in x.measured])


class Evaluator:
    """Judges candidates of a task, in this process."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.protocols = [Protocol(task, k) for k in range(len(task.stimuli))]

    def judge(self, rows: Floats, seed: int | None = None, interrupt: Interrupt | None = None) -> Judged:
        """Losses of the candidates in `rows`."""
        losses, reasons = np.zeros((len(rows), self.task.n_terms)), dict[int, str]()
        measured: list[dict[str, Measured]] = []
        for protocol in self.protocols:
            found = protocol.judge(rows, seed, interrupt)
            losses += found.losses / len(self.protocols)
            reasons |= found.reasons
            measured = measured or found.measured
        losses[list(reasons)] = np.nan
        return Judged(losses, dict(sorted(reasons.items())), measured)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What candidates begin from, and what they are compared with."""
        found = enumerate(self.protocols)
        return {f"{k}.{name}": x for k, y in found for name, x in (y.run.arrays | y.compared).items()}

    def close(self) -> None:
        """Frees what Julia holds."""
        for protocol in self.protocols:
            protocol.close()


class Protocol:
    """Candidates under one stimulus, compared with one recording."""

    def __init__(self, task: Task, number: int) -> None:
        self.task, self.number = task, number
        start = task.start()
        pieces = task.pieces(start, number)
        data, dt, duration, trials = task.data[number], *(task.settings[x] for x in ("dt", "duration", "trials"))
        spikes: Data | None = None
        reference = pieces.network
        if data is not None:
            dt = step_of(data, dt, pieces.model)
            if is_builder(task.network):
                reference = _network_of(data, pieces.network)
            spikes, own_trials, own_duration = data_spikes(data, reference, dt)
            duration = own_duration if duration is None else duration
            trials = own_trials if trials is None else trials
        if duration is None:
            raise ValueError("duration must be given where there are no data that tell it")
        kept = ("seed", "initial_state", "dtype", "threads", "device", "equilibration")
        self.asked = {
            **{k: task.settings[k] for k in kept},
            "duration": duration, "dt": dt, "trials": 1 if trials is None else trials,
            "record": tuple(dict.fromkeys(x.variable for x in task.losses if isinstance(x, VoltageLoss))),
        }  # fmt: skip
        self.run = self._prepare(pieces)
        if spikes is not None:
            spikes = fitted_spikes(spikes, self.run)
        model = self.run.model
        variables = tuple(model.state()) if isinstance(model, MembraneModel) else ()
        setting = Setting(reference, self.run.n_steps, self.run.dt, self.run.trials.size, spikes, variables)
        wires = [loss.to_wire(setting) for loss in task.losses]
        self._losses = {
            "losses": [own for own, _ in wires], "steps": self.run.n_steps, "warm_up": self.run.warm_up,
            "variables": list(variables), "threads": self.run.params["threads"], "neurons": reference.n,
        }  # fmt: skip
        self.compared = {
            f"loss.{j}.{name}": np.ascontiguousarray(x)
            for j, (_, own) in enumerate(wires, 1)
            for name, x in own.items()
        }
        self.free = free_parameters(task.direct, self.run, differentiable=False) if task.direct else []
        for free, (_, shape) in zip(self.free, [x for x in task.names if x[0] in task.direct], strict=True):
            if shape not in (free.value.shape, ()):
                raise ValueError(f"{free.name} must have shape {shape} under every stimulus, got {free.value.shape}")
        for free in self.free:
            self._check_range(free)
        self._session: int | None = None
        self._pid = os.getpid()

    def _check_range(self, free: Free) -> None:
        for name, x in self.task.space.dimensions.items():
            if name != free.name and not name.startswith(f"{free.name}["):
                continue
            ends = x.choices if isinstance(x, Categorical) else (x.low, x.high)
            for end in ends:
                if not free.low - 1e-9 <= end <= free.high:
                    low = "above 0" if 0 < free.low < 1e-6 else f"at least {free.low}"
                    what = "over" if self.task.measures is not None else "free"
                    raise ValueError(
                        f"{what}[{free.name!r}] must lie within its range, {low} and at most {free.high}, got {end}"
                    )

    def _prepare(self, pieces: Pieces, seed: int | None = None) -> Run:
        asked = self.asked | ({} if seed is None else {"seed": seed})
        initial = pieces.initial if pieces.initial else asked["initial_state"]
        return prepare(pieces.model, pieces.network, stimulus=pieces.stimulus, **(asked | {"initial_state": initial}))

    @property
    def side_by_side(self) -> bool:
        """Whether candidates can be one run: all that differs are numbers that neurons or synapses may have each."""
        return (
            isinstance(self.run.model, MembraneModel)
            and not self.task.builds
            and self.run.params["initial"] in ("rest", "given")
            and bool(self.free)
            and all(free.slots and free.may_differ for free in self.free)
        )

    def judge(self, rows: Floats, seed: int | None, interrupt: Interrupt | None) -> Judged:
        """What becomes of candidates."""
        functions = [x for x in self.task.objectives if not isinstance(x, WeightedLosses)]
        measures = self.task.measures
        trains = bool(functions) or measures is not None
        reasons: dict[int, str] = {}
        runs: dict[int, Run] = {}
        if self.side_by_side:
            answer, found = self._together(rows, seed, trains, interrupt)
            kept = list(range(len(rows)))
        else:
            answer, found, runs, reasons = self._one_by_one(rows, seed, trains, interrupt)
            kept = list(runs)
        of_losses = np.full((len(rows), len(self.task.losses)), np.nan)
        if kept:
            of_losses[kept] = np.asarray(found["loss"]).T.reshape(len(kept), of_losses.shape[1])
            reasons |= {kept[c]: why for c, why in zip(answer["failed"], answer["reasons"], strict=True)}
        of_functions = np.full((len(rows), len(functions)), np.nan)
        measured: list[dict[str, Measured]] = [{} for _ in rows] if measures is not None else []
        if trains and kept:
            offset, step = (np.asarray(found.get(f"train.{x}", []), np.int64) for x in ("offset", "step"))
            neurons = np.array([runs[c].network.n if runs else self.run.network.n for c in kept])
            spikes = Trains(offset, step, neurons, self.run.trials.size)
            if measures is not None and measures.features:
                for c, x in zip(kept, measures.of_trains(spikes, self.run), strict=True):
                    measured[c] |= x
            called = [*functions, *(measures.functions if measures is not None else [])]
            for at, c in enumerate(kept if called else []):
                if c in reasons:
                    continue
                values = self.task.values(rows[c])
                try:
                    run = runs[c] if runs else self._prepare(self.task.pieces(values, self.number), seed)
                except (ValueError, TypeError) as problem:
                    reasons[c] = str(problem)
                    continue
                ds = dataset_of(run, *spikes.of(at))
                for j, function in enumerate(called):
                    value = called_with(function, ds, values)
                    if j < len(functions):
                        of_functions[c, j] = as_loss(function, value, values)
                    else:
                        fresh = as_measured(function, value)
                        for name in fresh.keys() & measured[c].keys():
                            raise ValueError(f"measure must give each result a name of its own, got two called {name}")
                        measured[c] |= fresh
        for c in reasons if measures is not None else ():
            measured[c] = {}
        columns, k, j = [], 0, 0
        for objective in self.task.objectives:
            if isinstance(objective, WeightedLosses):
                columns.append(of_losses[:, k : k + len(objective.terms)])
                k += len(objective.terms)
            else:
                columns.append(of_functions[:, j : j + 1])
                j += 1
        return Judged(np.concatenate([np.empty((len(rows), 0)), *columns], axis=1), reasons, measured)

    # ---- SpikeCore ---------------------------------------------------------------------------------------------------

    def _together(self, rows: Floats, seed: int | None, trains: bool, interrupt: Interrupt | None) -> Any:
        if self._session is None:
            params = self.run.params | self._losses | {"free": [slot for free in self.free for slot in free.wire()]}
            arrays = self.run.arrays | self.compared
            self._session = get_engine().submit("open_population", params, arrays).result()[0]["session"]
        values, k = {}, 1
        for free, columns in zip(self.free, self._columns(rows), strict=True):
            for slot in free.slots:
                every = np.broadcast_to(columns.reshape(len(rows), -1), (len(rows), free.value.size))
                flat = every[:, np.arange(free.value.size)[slot.chosen].reshape(-1)]
                values[f"value.{k}"] = np.ascontiguousarray(slot.sign * flat)
                k += 1
        drawn = self.run.seed if seed is None else seed
        return self._advance(self._session, values, len(rows) * self.run.network.n, trains, interrupt, seed=drawn)

    def _columns(self, rows: Floats) -> list[Floats]:
        """The numbers of all candidates, one array (candidate, ...) per parameter."""
        found, dimensions = [], list(self.task.space.dimensions.values())
        for name, shape, own in self.task.places():
            if name not in self.task.direct:
                continue
            block = rows[:, own].copy()
            for j, dimension in enumerate(dimensions[own]):
                if isinstance(dimension, Categorical):
                    block[:, j] = np.asarray(dimension.choices, float)[block[:, j].astype(int)]
            found.append(block.reshape(len(rows), *shape))
        return found

    def _one_by_one(self, rows: Floats, seed: int | None, trains: bool, interrupt: Interrupt | None) -> Any:
        """Each candidate is a run of its own; one that is refused as such has failed."""
        runs, refused = {}, {}
        for c, row in enumerate(rows):
            values = self.task.values(row)
            try:
                runs[c] = self._prepare(self.task.pieces(values, self.number), seed)
            except (ValueError, TypeError) as problem:
                refused[c] = str(problem)
            except Exception as problem:
                problem.add_note(f"raised where model, network and stimulus were made of {values}")
                raise
        if not runs:
            return {"failed": [], "reasons": []}, {}, runs, refused
        for run in runs.values():
            if (run.n_steps, run.dt) != (self.run.n_steps, self.run.dt):
                raise ValueError(f"all candidates must be run for {self.run.n_steps} steps of {self.run.dt} ms")
        arrays = {
            f"candidate.{c}.{name}": x for c, run in enumerate(runs.values(), 1) for name, x in run.arrays.items()
        }
        params = {"candidates": [run.params for run in runs.values()], **self._losses}
        session = get_engine().submit("open_population", params, arrays | self.compared).result()[0]["session"]
        try:
            work = sum(run.network.n for run in runs.values())
            return *self._advance(session, {}, work, trains, interrupt), runs, refused
        finally:
            get_engine().submit("close", {"session": session})

    def _advance(
        self, session: int, values: dict[str, Any], neurons: int, trains: bool, interrupt: Interrupt | None, **more: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """A generation, in pieces."""
        steps = self.run.warm_up + self.run.n_steps
        params = {"session": session, "begin": True, "trains": trains, **more}
        piece = max(1, int(FIRST_PIECE / (neurons * self.run.trials.size)))
        while True:
            future = get_engine().submit("advance_population", params | {"steps": min(piece, steps)}, values)
            answer, found = future.result() if interrupt is None else interrupt.result(future)
            if answer["done"] >= steps:
                return answer, found
            params, values = params | {"begin": False}, {}
            piece = max(1, int(piece * min(max(PIECE_SECONDS / max(answer["seconds"], 1e-6), 0.25), 20.0)))

    def close(self) -> None:
        """Frees what Julia holds."""
        if self._session is not None and self._pid == os.getpid():
            get_engine().submit("close", {"session": self._session})
        self._session = None


def _network_of(data: Any, network: Network) -> Network:
    """A network of as many neurons as the data have."""
    n = int(data.sizes["neuron"] if hasattr(data, "data_vars") else np.shape(data)[-1])
    return network if n == network.n else Network.from_edges(pre=[], post=[], weight=[], n=n)
