"""Optimisers of other libraries, each with its own ask and tell, made to look alike.

``outside(optimiser, ...)`` gives an object with ``ask() -> rows``, ``tell(rows, losses)`` and ``stopped``. Another
library takes one more class here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..parameters import shown, whole_number
from .free import Floats
from .space import Categorical, Integer, Real, Space

FAILED = 1e30  # the loss of a candidate that failed, for optimisers that know no infinity
TRIALS = 16  # candidates of a generation, where the optimiser gives one at a time and does not say


@dataclass(frozen=True)
class AskTell:
    """An optimiser of another library, and how many candidates it is asked for before it is told their losses.

    Only needed where an optimiser gives one candidate at a time, as those of nevergrad and optuna do; ``method=`` of
    :func:`fit` takes optimisers as they are, too.

    Parameters
    ----------
    optimiser : object
        One with ``ask`` and ``tell``: of cma, pymoo, nevergrad or optuna; or any whose ``ask()`` returns rows of
        numbers in the order of ``free``, or dicts by name, and whose ``tell(asked, losses)`` takes them back.
    population : int, optional
        Candidates of a generation. Default: nevergrad's ``num_workers``; 16 for optuna.
    """

    optimiser: Any
    population: int | None = None

    def __post_init__(self) -> None:
        if not _has_ask_and_tell(self.optimiser):
            raise TypeError(f"optimiser must have ask and tell, got {shown(self.optimiser)}")
        if self.population is not None:
            object.__setattr__(self, "population", whole_number("population", self.population, 1))


def _has_ask_and_tell(x: Any) -> bool:
    return not isinstance(x, type) and callable(getattr(x, "ask", None)) and callable(getattr(x, "tell", None))


def is_optimiser(x: Any) -> bool:
    """Whether `x` is an optimiser from outside."""
    return isinstance(x, AskTell) or _has_ask_and_tell(x)


def outside(given: Any, space: Space, objectives: int, seed: int) -> "Outside":
    """The optimiser as :func:`fit` speaks to all of them."""
    asked = given if isinstance(given, AskTell) else AskTell(given)
    library = next((x.__module__.split(".")[0] for x in type(asked.optimiser).__mro__ if _kind_of(x)), "")
    kind = KINDS.get(library, Outside)
    return kind(asked.optimiser, space, objectives, asked.population, seed)


def _kind_of(x: type) -> bool:
    return x.__module__.split(".")[0] in KINDS


class Outside:
    """Any optimiser whose ``ask()`` returns the whole population, as rows or as dicts."""

    def __init__(self, optimiser: Any, space: Space, objectives: int, population: int | None, seed: int) -> None:
        self.optimiser, self.space, self.objectives, self.population = optimiser, space, objectives, population
        self.stopped = ""
        self._asked: Any = None
        self._prepare(seed)

    def _prepare(self, seed: int) -> None:
        """What there is to do before the first generation."""

    def ask(self) -> Floats:
        """The candidates of a generation; what lies outside the space is moved to its edge."""
        self._asked = self.optimiser.ask()
        return self._rows(self._asked)

    def tell(self, rows: Floats, losses: Floats) -> None:
        """Judges what was asked for last."""
        self._tell(np.where(np.isfinite(losses), losses, FAILED))
        self.stopped = self._reason()

    def _tell(self, losses: Floats) -> None:
        self.optimiser.tell(self._asked, losses[:, 0].tolist() if self.objectives == 1 else losses)

    def _reason(self) -> str:
        """Why it wants to stop, if it does."""
        return ""

    def _rows(self, found: Any) -> Floats:
        try:
            rows = np.array([self._row(x) for x in found], float)
        except (TypeError, ValueError, KeyError) as problem:
            rows, why = np.empty(0), f": {problem}"
        else:
            why = ""
        if rows.ndim != 2 or rows.shape[1] != len(self.space):
            raise ValueError(
                f"ask() of {type(self.optimiser).__name__} must return candidates of {len(self.space)} numbers, in the"
                f" order {', '.join(self.space.names)}, or dicts by name; got {shown(found)}{why}"
            )
        for j, dimension in enumerate(self.space.dimensions.values()):
            whole = rows[:, j] if isinstance(dimension, Real) else np.round(rows[:, j])
            rows[:, j] = np.clip(whole, dimension.low, dimension.high)
        return rows

    def _row(self, x: Any) -> Any:
        if not isinstance(x, Mapping):
            return np.asarray(x, float)
        return [
            dimension.choices.index(x[name]) if isinstance(dimension, Categorical) else float(x[name])
            for name, dimension in self.space.dimensions.items()
        ]


class _Cma(Outside):
    """``cma.CMAEvolutionStrategy``."""

    def _reason(self) -> str:
        return ", ".join(map(str, self.optimiser.stop()))


class _Pymoo(Outside):
    """An algorithm of pymoo; one that was not set up is set up for the space."""

    def _prepare(self, seed: int) -> None:
        from pymoo.core.problem import Problem
        from pymoo.core.termination import NoTermination

        if getattr(self.optimiser, "problem", None) is None:
            problem = Problem(n_var=len(self.space), n_obj=self.objectives, xl=self.space.low, xu=self.space.high)
            self.optimiser.setup(problem, termination=NoTermination(), seed=seed, verbose=False)
        elif self.optimiser.problem.n_obj != self.objectives:
            raise ValueError(
                f"the problem of {type(self.optimiser).__name__} must have as many objectives as there are losses"
                f" ({self.objectives}), got {self.optimiser.problem.n_obj}"
            )

    def ask(self) -> Floats:
        self._asked = self.optimiser.ask()
        return self._rows(self._asked.get("X"))

    def _tell(self, losses: Floats) -> None:
        from pymoo.core.evaluator import Evaluator
        from pymoo.problems.static import StaticProblem

        evaluator: Any = self.optimiser.evaluator or Evaluator()
        evaluator.eval(StaticProblem(self.optimiser.problem, F=losses), self._asked)
        self.optimiser.tell(infills=self._asked)

    def _reason(self) -> str:
        return "" if self.optimiser.has_next() else "termination"


class _Nevergrad(Outside):
    """An optimiser of nevergrad: one candidate at a time, with a value by name, or an array."""

    def ask(self) -> Floats:
        self._asked = [self.optimiser.ask() for _ in range(self.population or self.optimiser.num_workers)]
        return self._rows([x.kwargs or (x.args[0] if len(x.args) == 1 else x.args) for x in self._asked])

    def _tell(self, losses: Floats) -> None:
        for x, loss in zip(self._asked, losses, strict=True):
            self.optimiser.tell(x, float(loss[0]) if self.objectives == 1 else loss.tolist())

    def _reason(self) -> str:
        budget = self.optimiser.budget
        return "budget" if budget is not None and self.optimiser.num_ask >= budget else ""


class _Optuna(Outside):
    """A study of optuna: one trial at a time, over the space."""

    def _prepare(self, seed: int) -> None:
        from optuna import distributions

        if len(self.optimiser.directions) != self.objectives:
            raise ValueError(
                f"a study must have as many directions as there are losses ({self.objectives}), got"
                f" {len(self.optimiser.directions)}"
            )
        self._over: dict[str, Any] = {}
        for name, x in self.space.dimensions.items():
            if isinstance(x, Categorical):
                self._over[name] = distributions.CategoricalDistribution(range(len(x.choices)))
            elif isinstance(x, Integer):
                self._over[name] = distributions.IntDistribution(x.low, x.high, log=x.log)
            else:
                self._over[name] = distributions.FloatDistribution(x.low, x.high, log=x.log)

    def ask(self) -> Floats:
        self._asked = [self.optimiser.ask(self._over) for _ in range(self.population or TRIALS)]
        return self._rows([[x.params[name] for name in self.space.names] for x in self._asked])

    def tell(self, rows: Floats, losses: Floats) -> None:
        from optuna.trial import TrialState

        for x, loss in zip(self._asked, losses, strict=True):
            if np.isfinite(loss).all():
                self.optimiser.tell(x, loss.tolist())
            else:
                self.optimiser.tell(x, state=TrialState.FAIL)


KINDS: dict[str, Callable[..., Outside]] = {
    "cma": _Cma, "pymoo": _Pymoo, "nevergrad": _Nevergrad, "optuna": _Optuna,
}  # fmt: skip
