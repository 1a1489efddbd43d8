"""The design of a generalised linear model: its terms and columns, and a session of Julia's that has it. Read
``likelihood.py`` next."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine import EngineError, JuliaError, get_engine
from ..engine.session import Interrupt
from ..kernels import Kernel
from .basis import columns
from .observations import Observations
from .penalty import L2, Penalty

PIECE_SECONDS = 0.2


@dataclass(frozen=True, eq=False)
class Design:
    """What a model is made of besides its coefficients: bases as (lag, function), and which neurons it is of.

    Columns of every neuron: 1; coupling, n_pre x functions; stimulus, channels x functions; history; the known kernel.
    """

    emission: str
    nonlinearity: str
    dt: float
    n: int
    channels: int
    coupling: NDArray[np.float64]
    history: NDArray[np.float64]
    known: NDArray[np.float64]
    stimulus: NDArray[np.float64]
    neurons: NDArray[np.int64]
    mask: NDArray[np.bool_]

    @classmethod
    def make(
        cls, observations: Observations, channels: int, emission: str, nonlinearity: str, coupling: Any, history: Any,
        self_kernel: Kernel | None, stimulus_basis: Any, neurons: NDArray[np.int64], mask: NDArray[np.bool_],
    ) -> "Design":  # fmt: skip
        dt = observations.dt
        stimulus = columns("stimulus_basis", stimulus_basis, dt) if channels else np.empty((0, 0))
        if channels and stimulus_basis is None:
            stimulus = np.ones((1, 1))  # the stimulus of the same step
        return cls(
            emission, nonlinearity, dt, observations.n, channels, columns("coupling", coupling, dt),
            columns("history", history, dt), columns("self_kernel", self_kernel, dt), stimulus, neurons, mask,
        )  # fmt: skip

    @property
    def terms(self) -> list[tuple[str, int]]:
        """Term and number of columns of every group of columns, in their order."""
        return [
            ("intercept", 1),
            *[("coupling", self.coupling.shape[1])] * self.n,
            *[("stimulus", self.stimulus.shape[1])] * self.channels,
            ("history", self.history.shape[1]),
            ("known", self.known.shape[1]),
        ]

    @property
    def n_columns(self) -> int:
        return sum(size for _, size in self.terms)

    def places(self, term: str) -> slice:
        """The columns of a term."""
        names = np.repeat([name for name, _ in self.terms], [size for _, size in self.terms])
        where = np.flatnonzero(names == term)
        return slice(int(where[0]), int(where[-1]) + 1) if where.size else slice(0, 0)

    def own_basis(self) -> NDArray[np.float64]:
        """Columns that a neuron's own spikes pass through: of the history, and the known kernel."""
        lags = max(self.history.shape[0], self.known.shape[0])
        parts = [np.pad(x, ((0, lags - x.shape[0]), (0, 0))) for x in (self.history, self.known)]
        return np.concatenate(parts, axis=1) if lags else np.empty((0, 0))

    def free(self, who: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Whether each column is fitted, (neuron, column)."""
        free = np.ones((who.size, self.n_columns), np.uint8)
        functions = self.coupling.shape[1]
        free[:, self.places("coupling")] = np.repeat(self.mask[:, who].T, functions, axis=1)
        free[:, self.places("known")] = 0
        return free


class Likelihood:
    """A design and data in Julia, for some neurons. Use as a context manager; leaving it frees what Julia holds."""

    def __init__(
        self, design: Design, observations: Observations, stimulus: NDArray[np.float64], who: NDArray[np.int64],
        weights: NDArray[np.float64], threads: int | None = None, tolerance: float = 1e-8,
    ) -> None:  # fmt: skip
        self._engine = get_engine()
        self.design, self.observations, self.who, self.weights = design, observations, who, weights
        x = np.zeros((who.size, design.n_columns))
        x[:, design.places("known")] = 1.0
        arrays: dict[str, NDArray[Any]] = {
            "n_steps": observations.n_steps,
            "pointer": observations.pointer,
            "step": observations.step,
            "count": observations.count,
            "coupling": np.ascontiguousarray(design.coupling.T),
            "history": np.ascontiguousarray(design.own_basis().T),
            "stimulus_basis": np.ascontiguousarray(design.stimulus.T),
            "stimulus": stimulus,
            "who": who,
            "free": design.free(who),
            "coefficients": x,
        }
        params = {
            "n": design.n,
            "emission": design.emission,
            "nonlinearity": design.nonlinearity,
            "threads": self._engine.threads if threads is None else threads,
            "tolerance": tolerance,
        }
        self._id = self._engine.submit("likelihood.open", params, arrays).result()[0]["session"]

    def __enter__(self) -> "Likelihood":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(problem, EngineError) or isinstance(problem, JuliaError):
            with contextlib.suppress(EngineError):
                self._engine.submit("close", {"session": self._id, "collect": True})

    def _ask(self, method: str, arrays: dict[str, NDArray[Any]] | None = None, **params: Any) -> Any:
        return self._engine.submit(f"likelihood.{method}", {"session": self._id, **params}, arrays or {})

    def _begin(self, segments: NDArray[np.int64], penalty: Penalty | None, restart: bool) -> Any:
        ridge, pointer, weight = (L2(strength=0.0) if penalty is None else penalty).groups_of(self.design.terms)
        arrays = {
            "segments": segments,
            "weights": self.weights,
            "ridge": ridge,
            "group_pointer": pointer.astype(np.int64),
            "group_weight": weight,
        }
        return self._ask("begin", arrays, restart=restart)

    def fit(
        self, segments: NDArray[np.int64], penalty: Penalty | None, restart: bool, max_passes: int,
        report: Callable[[int], None] = lambda working: None,
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_], int]:  # fmt: skip
        """Coefficients (neuron, column) that are best on some segments, whether they converged, and passes needed."""
        with Interrupt() as interrupt:
            state, _ = self._patiently(interrupt, self._begin(segments, penalty, restart))
            while state["working"] and state["passes"] < max_passes:
                report(state["working"])
                state, _ = self._patiently(interrupt, self._ask("advance", seconds=PIECE_SECONDS, passes=max_passes))
        result, found = self._ask("result").result()
        return found["coefficients"], found["converged"].astype(bool), result["passes"]

    @staticmethod
    def _patiently(interrupt: Interrupt, future: Any) -> Any:
        answer = interrupt.wait(future)
        if interrupt.requested:
            raise KeyboardInterrupt
        return answer

    def evaluate(
        self, segments: NDArray[np.int64], coefficients: NDArray[np.float64], curvature: bool = False
    ) -> dict[str, NDArray[Any]]:
        """``log_likelihood`` and ``gradient`` of every neuron; ``curvature``, the negative Hessian, if asked for."""
        arrays = {"segments": segments, "coefficients": np.ascontiguousarray(coefficients)}
        found: dict[str, NDArray[Any]] = self._ask("evaluate", arrays, curvature=curvature).result()[1]
        return found

    def errors(
        self, segments: NDArray[np.int64], penalty: Penalty | None, coefficients: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Standard errors (neuron, column) of coefficients that were fitted to some segments."""
        self._begin(segments, penalty, True)
        answer = self._ask("errors", {"coefficients": np.ascontiguousarray(coefficients)}).result()[1]
        return np.asarray(answer["errors"])

    def rates(self, coefficients: NDArray[np.float64], trial: int) -> NDArray[np.float64]:
        """Expected counts in every step of a trial, (neuron, step)."""
        end = int(self.observations.n_steps[trial])
        answer = self._ask(
            "rates", {"coefficients": np.ascontiguousarray(coefficients)}, trial=trial, first=0, last=end
        )
        return np.asarray(answer.result()[1]["rates"])

    def matrix(self, position: int, segments: NDArray[np.int64]) -> NDArray[np.float64]:
        """The design matrix of one of the neurons, (step, column)."""
        return np.asarray(self._ask("design", {"segments": segments}, position=position).result()[1]["design"].T)
