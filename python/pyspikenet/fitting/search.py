"""A search by ask and tell: candidates come from SpikeCore, their losses from whoever asks."""

import json
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..engine import get_engine
from ..engine.errors import EngineError, JuliaError
from ..parameters import as_array, seed_number, shown, whole_number
from .algorithms import CMAES, NSGA2, Algorithm
from .space import Floats, Space, space_of


class Search:
    """Generations of candidates, each better than the ones before where the algorithm can help it.

    The same seed gives the same candidates for the same losses. Use as a context manager, or call :meth:`close`.

    Parameters
    ----------
    algorithm : Algorithm
        ``CMAES()``, ``DifferentialEvolution()``, ...
    space : Space or mapping
        Name to (low, high), ``Real``, ``Integer`` or ``Categorical``.
    seed : int, default 0
        Seed of the candidates.
    objectives : int, default 1
        Losses of each candidate; more than one are for ``NSGA2`` only.
    start : array_like or mappings, optional
        Candidates of the first generation, the best one first: rows in the user's units, or values by name.
    state : mapping, optional
        What :meth:`state` returned, of a search with the same arguments: this one goes on from there, to the bit.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        space: Space | Mapping[str, Any],
        *,
        seed: int = 0,
        objectives: int = 1,
        start: Any = None,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(algorithm, Algorithm):
            raise TypeError(f"algorithm must be one such as CMAES(), got {shown(algorithm)}")
        self.algorithm, self.space = algorithm, space_of(space)
        self.objectives = whole_number("objectives", objectives, 1)
        if self.objectives > 1 and not isinstance(algorithm, NSGA2):
            raise ValueError(f"objectives must be 1 for {type(algorithm).__name__}, got {objectives}; NSGA2 takes more")
        settings = algorithm.settings(len(self.space))
        params, arrays = self.space.to_wire()
        params |= {
            "algorithm": type(algorithm).__name__,
            "settings": settings,
            "seed": seed_number("seed", seed),
            "objectives": self.objectives,
        }
        if start is not None:
            arrays["start"] = self._start(start, settings["population"])
        self._mark = json.dumps([params, repr(self.space)], sort_keys=True)
        if state is not None:
            params["stopped"], kept = self._kept(state)
            arrays |= kept
        self._pid = os.getpid()
        self._engine = get_engine()
        answer, found = self._engine.submit("open_search", params, arrays).result()
        self._id: int | None = answer["session"]
        self._told: Future[Any] | None = None  # the latest losses, where a Ctrl-C came before the answer
        self.stopped: str = params.get("stopped", "")
        self.diagnostics: dict[str, Any] = {}
        self._take(answer, found)

    def _start(self, start: Any, population: int) -> Floats:
        named = isinstance(start, Mapping) or (
            isinstance(start, list | tuple) and len(start) > 0 and isinstance(start[0], Mapping)
        )
        rows = self.space.encode(start) if named else self.space.rows("start", start)
        if not 1 <= len(rows) <= population:
            raise ValueError(f"start must have from 1 to {population} candidates, the population, got {len(rows)}")
        return rows

    def _kept(self, state: Mapping[str, Any]) -> tuple[str, dict[str, NDArray[Any]]]:
        if not isinstance(state, Mapping) or "search" not in state:
            raise TypeError(f"state must be what state() of a search returned, got {shown(state)}")
        if str(state["search"]) != self._mark:
            raise ValueError("state must be of a search with the same algorithm, space, seed and objectives")
        arrays = {f"state.{k}": np.asarray(x) for k, x in state.items() if k not in ("search", "stopped")}
        return str(state["stopped"]), arrays

    def _take(self, answer: dict[str, Any], found: dict[str, NDArray[Any]]) -> None:
        self.generation: int = answer["generation"]
        self._candidates = found["candidates"]

    def _submit(self, method: str, arrays: dict[str, NDArray[Any]] | None = None) -> "Future[Any]":
        if self._id is None:
            raise EngineError("this search has been closed")
        if self._pid != os.getpid():
            raise EngineError("this search was begun before the process was forked; only the parent can go on with it")
        return self._engine.submit(method, {"session": self._id}, arrays)

    def _settle(self) -> None:
        if self._told is None:
            return
        try:
            answer, found = self._told.result()
        except EngineError:
            self._told = None
            raise
        self._told = None
        self.stopped = answer["stopped"]
        self.diagnostics = answer["diagnostics"]
        self._take(answer, found)

    def ask(self) -> Floats:
        """The candidates of the next generation, shape (population, d), in the user's units.

        Whole numbers are such, and a choice is its number from 0; :meth:`Space.decode` gives values by name. The same
        ones come until they have been judged.
        """
        self._settle()
        return self._candidates.copy()

    def tell(self, candidates: ArrayLike, losses: ArrayLike) -> None:
        """Judges the candidates of the latest :meth:`ask`.

        Parameters
        ----------
        candidates : array_like
            What :meth:`ask` returned.
        losses : array_like
            One for each candidate, or shape (population, objectives). A candidate with a loss that is not finite has
            failed: it is worse than all others.
        """
        self._settle()
        if not np.array_equal(as_array("candidates", candidates), self._candidates):
            raise ValueError("candidates must be those that ask() returned last")
        judged = as_array("losses", losses)
        if judged.ndim == 1 and self.objectives == 1:
            judged = judged[:, None]
        expected = (len(self._candidates), self.objectives)
        if judged.dtype.kind not in "iuf" or judged.shape != expected:
            raise ValueError(f"losses must be numbers of shape {expected}, got {shown(losses)}")
        self._told = self._submit("tell", {"losses": judged.astype(np.float64)})
        self._settle()

    def best(self) -> tuple[Floats, Floats]:
        """The best candidate so far and its loss, shapes (1, d) and (1, 1); none before the first :meth:`tell`.

        Of several objectives: all candidates of the population that no other one dominates, and their losses.
        """
        self._settle()
        _, found = self._submit("search_best").result()
        return found["candidates"], found["losses"]

    def state(self) -> dict[str, NDArray[Any]]:
        """All that it takes to go on from here, as arrays that ``numpy.savez`` can write."""
        self._settle()
        answer, found = self._submit("search_state").result()
        return {**found, "stopped": np.array(answer["stopped"]), "search": np.array(self._mark)}

    def close(self) -> None:
        """Frees what Julia holds."""
        if self._id is not None and self._pid == os.getpid():
            self._engine.submit("close", {"session": self._id})
        self._id = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(problem, EngineError) and not isinstance(problem, JuliaError):
            return  # the process is gone, and the search with it
        self.close()


@dataclass(frozen=True)
class Minimum:
    """What :func:`minimize` found.

    Attributes
    ----------
    candidates : ndarray
        The best candidate, shape (1, d); of several objectives all that no other one dominates.
    losses : ndarray
        Their losses, shape (candidates, objectives).
    values : list of dict
        The candidates as values by name.
    history : ndarray
        Best loss of each generation, shape (generations, objectives); NaN where all candidates failed.
    stopped : str
        Why the search ended: ``"generations"``, or the reason of the algorithm.
    """

    candidates: Floats
    losses: Floats
    values: list[dict[str, Any]]
    history: Floats = field(repr=False)
    stopped: str


def minimize(
    function: Callable[..., Any],
    space: Space | Mapping[str, Any],
    *,
    algorithm: Algorithm | None = None,
    generations: int = 100,
    seed: int = 0,
    objectives: int = 1,
    start: Any = None,
) -> Minimum:
    """Searches for the least value of any function.

    >>> import pyspikenet as psn
    >>> found = psn.minimize(lambda x: (x[:, 0] - 1) ** 2 + x[:, 1] ** 2, {"a": (-5, 5), "b": psn.Integer(-3, 9)})
    >>> found.values[0]["b"]
    0

    Parameters
    ----------
    function : callable
        Takes candidates, shape (population, d), and returns a loss for each, or shape (population, objectives). A loss
        that is not finite marks a candidate that failed.
    space : Space or mapping
        Name to (low, high), ``Real``, ``Integer`` or ``Categorical``; columns are in this order.
    algorithm : Algorithm, optional
        Default ``CMAES()``; ``NSGA2()`` for several objectives.
    generations : int, default 100
        Most generations.
    seed : int, default 0
        Seed of the candidates.
    objectives : int, default 1
        Losses of each candidate.
    start : array_like or mappings, optional
        Candidates of the first generation, the best one first.

    Returns
    -------
    Minimum
        ``candidates``, ``losses``, ``values``, ``history`` and ``stopped``.
    """
    if not callable(function):
        raise TypeError(f"function must be callable, got {shown(function)}")
    most = whole_number("generations", generations, 1)
    if algorithm is None:
        algorithm = CMAES() if objectives == 1 else NSGA2()
    history: list[Floats] = []
    with Search(algorithm, space, seed=seed, objectives=objectives, start=start) as search:
        while len(history) < most and not search.stopped:
            candidates = search.ask()
            losses = np.asarray(function(candidates))
            search.tell(candidates, losses)
            judged = losses.reshape(len(candidates), -1).astype(float)
            judged[~np.isfinite(judged)] = np.inf
            least = judged.min(axis=0)
            history.append(np.where(np.isfinite(least), least, np.nan))
        best, found = search.best()
        values = search.space.decode(best)
        return Minimum(best, found, values, np.array(history), search.stopped or "generations")
