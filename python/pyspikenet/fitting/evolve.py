"""Fits that search by populations of candidates: what :func:`fit` does for methods that follow no gradient."""

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..engine.session import Interrupt
from ..models.base import Model
from ..network import Network
from ..parameters import flag, shown, whole_number
from .algorithms import (
    CMAES,
    NSGA2,
    Algorithm,
    DifferentialEvolution,
    EvolutionaryCenters,
    GeneticAlgorithm,
    ParticleSwarm,
)
from .checkpoint import Checkpoint, fingerprint, mark_of
from .evolved import Evolution, PopulationFit
from .free import Floats, free_parameters
from .julia_loss import JuliaLoss
from .losses import CrossEntropy, Loss, WeightedLosses, losses_of
from .outside import is_optimiser, outside
from .plan import Ending
from .population import Evaluator, Judged, Task, is_builder
from .refinement import refined, seed_population
from .search import Search
from .space import Categorical, Integer, Real, Space
from .workers import Crew

ALGORITHMS: dict[str, type[Algorithm]] = {
    "cma_es": CMAES,
    "differential_evolution": DifferentialEvolution,
    "genetic": GeneticAlgorithm,
    "particle_swarm": ParticleSwarm,
    "evolutionary_centers": EvolutionaryCenters,
    "nsga2": NSGA2,
}
BAR = "{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} generations [{elapsed}<{remaining}{postfix}]"


def algorithm_of(method: Any) -> Any:
    """The algorithm of this name, the given one, or an outside optimiser with ask and tell; None if it is none."""
    if isinstance(method, str):
        return ALGORITHMS[method]() if method in ALGORITHMS else None
    if isinstance(method, Algorithm):
        return method
    return method if is_optimiser(method) else None


@dataclass
class Plan:
    """How candidates are searched."""

    algorithm: Any
    generations: int
    seed: int
    fresh_noise: bool
    patience: int | None
    budget: float | None
    callback: Callable[[Evolution], bool | None] | None
    executor: Any
    start: Any = field(default=None)


def task_of(
    model: Any,
    network: Any,
    data: Any,
    free: Any,
    loss: Any,
    stimulus: Any,
    bounds: Any,
    settings: dict[str, Any],
) -> Task:
    """Checks what a search is about; what it returns is valid."""
    objectives = tuple(_objective(x) for x in (loss if isinstance(loss, list | tuple) else [loss]))
    if not objectives:
        raise ValueError("loss must be at least one loss, got none")
    stimuli = tuple(stimulus) if isinstance(stimulus, list | tuple) else (stimulus,)
    if not stimuli:
        raise ValueError("stimulus must be at least one stimulus, got an empty list")
    several = isinstance(stimulus, list | tuple)
    recordings = tuple(data) if several and isinstance(data, list | tuple) else (data,) * len(stimuli)
    if len(recordings) != len(stimuli):
        raise ValueError(f"data must be as many as there are stimuli ({len(stimuli)}), got {len(recordings)}")
    for name, x, kind in (("model", model, Model), ("network", network, Network)):
        if not isinstance(x, kind) and not is_builder(x):
            raise TypeError(f"{name} must be a {kind.__name__}, or a function of the free parameters, got {shown(x)}")
    builds = any(is_builder(x) for x in (model, network, *stimuli))
    given = dimensions_of(free, bounds)
    shapes = {} if builds else shapes_of(list(given), model, network, stimuli[0], settings["dt"])
    names, dimensions, for_builders = [], {}, []
    for name, dimension in given.items():
        shape = () if builds else shapes[name]
        if builds and not is_direct(name, model, stimuli):
            for_builders.append(name)
        names.append((name, shape))
        size = math.prod(shape)
        for k in range(size):
            dimensions[f"{name}[{k}]" if shape else name] = dimension if not shape else _entry(dimension, k, size)
    return Task(
        model, network, stimuli, recordings, Space(dimensions), tuple(names), objectives,
        settings | {"for_builders": tuple(for_builders)},
    )  # fmt: skip


def _objective(loss: Any) -> Any:
    if callable(loss) and not isinstance(loss, Loss):
        return loss
    losses = losses_of(loss)
    for _, term in losses.terms:
        if isinstance(term, CrossEntropy | JuliaLoss):
            what = type(term).__name__
            raise ValueError(f"loss must not be a {what} where a population searches: that follows gradients")
    return losses


def dimensions_of(free: Any, bounds: Any, what: str = "free") -> dict[str, Any]:
    """Real, Integer or Categorical by name; `what`: how the caller's argument is called."""
    if isinstance(free, Mapping):
        if bounds is not None:
            raise ValueError("bounds must be None where free is a dict that has them, got both")
        given = dict(free)
    else:
        names = [free] if isinstance(free, str) else list(free)
        missing = [name for name in names if name not in (bounds or {})]
        if missing:
            raise ValueError(
                f"bounds must be given for every free parameter where a population searches, got none for {missing};"
                ' free may be a dict such as {"tau_m": (5, 30)}'
            )
        given = {name: bounds[name] for name in names}
    if not given:
        raise ValueError("free must name at least one parameter, got none")
    found: dict[str, Any] = {}
    for name, x in given.items():
        if isinstance(x, Real | Integer | Categorical):
            found[name] = x
        elif isinstance(x, tuple | list) and len(x) == 2 and np.ndim(x[0]) == np.ndim(x[1]) == 0:
            found[name] = Space({name: x}).dimensions[name]
        elif isinstance(x, tuple | list) and len(x) == 2:
            found[name] = (np.asarray(x[0], float), np.asarray(x[1], float))
        else:
            raise TypeError(f"{what}[{name!r}] must be (low, high), Real, Integer or Categorical, got {shown(x)}")
    return found


def _entry(dimension: Any, k: int, size: int) -> Any:
    if not isinstance(dimension, tuple):
        return dimension
    ends = [np.broadcast_to(x, size)[k] for x in dimension]
    return Real(float(ends[0]), float(ends[1]))


def shapes_of(
    names: list[str], model: Model, network: Network, stimulus: Any, dt: float | None
) -> dict[str, tuple[int, ...]]:
    """The shapes of parameters that the pieces have, or the error that names the unknown one."""
    from ..run import prepare

    run = prepare(model, network, duration=1.0 if dt is None else dt, dt=dt, stimulus=stimulus, seed=0)
    return {free.name: free.value.shape for free in free_parameters(names, run, differentiable=False)}


def is_direct(name: str, model: Any, stimuli: Sequence[Any]) -> bool:
    """Whether a parameter belongs to a piece that is given, and not to the functions that make the others."""
    if name.startswith("stimulus."):
        return not any(is_builder(x) for x in stimuli)
    return not is_builder(model) and name in model.units()


def evolve(task: Task, plan: Plan, keeper_of: Callable[[str], Checkpoint], bar_of: Callable[[], Any]) -> PopulationFit:
    """Searches, generation by generation."""
    here = Evaluator(task)
    judge = here if plan.executor is None else Crew(task, plan.executor)
    n_objectives = len(task.objectives)
    named = isinstance(plan.algorithm, Algorithm)
    asked = {
        "params": {}, "model": mark_of(task.model), "network": mark_of(task.network), "stimuli": mark_of(task.stimuli),
        "space": repr(task.space), "names": task.names, "objectives": mark_of(task.objectives), "seed": plan.seed,
        "settings": mark_of({k: v for k, v in task.settings.items() if k != "threads"}), "fresh": plan.fresh_noise,
        "algorithm": repr(plan.algorithm) if named else type(plan.algorithm).__name__, "start": mark_of(plan.start),
    }  # fmt: skip
    keeper = keeper_of(fingerprint(asked, here.arrays()))
    evolution = Evolution(task, n_objectives)
    with contextlib.ExitStack() as held:
        held.callback(judge.close)
        state = keeper.read()
        if named:
            kept = None if state is None else {k[7:]: v for k, v in state.items() if k.startswith("search.")}
            optimiser: Any = held.enter_context(
                Search(
                    plan.algorithm, task.space, seed=plan.seed, objectives=n_objectives, start=plan.start, state=kept
                )
            )
        else:
            if state is not None:
                raise ValueError("resume must be False where the optimiser comes from outside: it keeps its own state")
            optimiser = outside(plan.algorithm, task.space, n_objectives, plan.seed)
        if state is not None:
            evolution.restore({k[8:]: v for k, v in state.items() if k.startswith("history.")})
        _search(task, plan, judge, optimiser, evolution, keeper, held.enter_context(bar_of()))
        if evolution.stopped == "interrupted" and not evolution.generation:
            raise KeyboardInterrupt
        return evolution.result(here.protocols[0])


def _search(
    task: Task, plan: Plan, judge: Any, optimiser: Any, evolution: Evolution, keeper: Checkpoint, bar: Any
) -> None:
    ending = Ending(plan.patience, plan.budget)
    bar.update(evolution.generation)

    def state() -> dict[str, Any]:
        found = {f"history.{k}": v for k, v in evolution.arrays().items()}
        if isinstance(optimiser, Search):
            found |= {f"search.{k}": v for k, v in optimiser.state().items()}
        return found

    with Interrupt() as interrupt:
        try:
            while evolution.generation < plan.generations and not evolution.stopped:
                if optimiser.stopped:
                    evolution.stopped = str(optimiser.stopped)
                    break
                rows = optimiser.ask()
                seed = plan.seed + evolution.generation if plan.fresh_noise else None
                judged: Judged = judge.judge(rows, seed, interrupt)
                losses = _objectives(task, judged.losses, evolution.generation / max(plan.generations - 1, 1))
                optimiser.tell(rows, losses)
                evolution.add(rows, losses, judged.reasons)
                keeper.write(state)
                bar.set_postfix_str(f"loss {evolution.lowest:.4g}", refresh=False)
                bar.update(1)
                told = plan.callback is not None and plan.callback(evolution)
                waited = evolution.generation - evolution.best_generation
                evolution.stopped = ending.reason(interrupt.requested, waited, told)
        except KeyboardInterrupt:
            evolution.stopped = "interrupted"
    if evolution.generation:
        keeper.write(state(), at_once=True)
    evolution.stopped = evolution.stopped or "epochs"


def _objectives(task: Task, terms: Floats, progress: float) -> Floats:
    """Losses of each candidate, shape (candidate, objective)."""
    columns, k = [], 0
    for objective in task.objectives:
        size = len(objective.terms) if isinstance(objective, WeightedLosses) else 1
        weights = np.array(objective.coefficients(progress) if isinstance(objective, WeightedLosses) else [1.0])
        columns.append(terms[:, k : k + size] @ weights)
        k += size
    losses = np.stack(columns, axis=1)
    losses[~np.isfinite(losses).all(axis=1)] = np.inf
    return losses


# What only methods that follow gradients know, and how it is when it is not given.
OF_GRADIENTS = {
    "learning_rate": 0.01, "settings": None, "dale": False, "batch_size": None, "trials_per_epoch": None,
    "shuffle": False, "surrogate": None, "mode": "surrogate", "stochastic": False, "detach_reset": False,
    "detach_spikes": False,
}  # fmt: skip


def fit_by_population(given: dict[str, Any]) -> PopulationFit:
    """:func:`fit`, with its arguments by name, where a population searches."""
    from ..simulate import progress_bar

    method = given["method"]
    for name, default in OF_GRADIENTS.items():
        if given[name] is not default and given[name] != default:
            raise ValueError(
                f"{name} is for methods that follow gradients, not for {shown(method)}; got {shown(given[name])}"
            )
    kept = ("duration", "dt", "trials", "seed", "initial_state", "dtype", "threads", "device", "equilibration")
    settings = {x: given[x] for x in kept}
    task = task_of(
        given["model"],
        given["network"],
        given["data"],
        given["free"],
        given["loss"],
        given["stimulus"],
        given["bounds"],
        settings,
    )
    refine = given["refine"]
    if refine not in (None, "adam", "lbfgs"):
        raise ValueError(f"refine must be None, 'adam' or 'lbfgs', got {shown(refine)}")
    algorithm = algorithm_of(method)
    start = (
        None if given["warm_start"] is None else seed_population(given["warm_start"], task, algorithm, given["seed"])
    )
    plan = Plan(
        algorithm, given["epochs"], given["seed"], flag("fresh_noise", given["fresh_noise"]), given["patience"],
        given["time_budget"], given["callback"], given["executor"], start,
    )  # fmt: skip

    def bar() -> Any:
        found = progress_bar(given["progress"], given["epochs"], "searching")
        found.bar_format = BAR
        return found

    found = evolve(task, plan, lambda mark: Checkpoint(given["checkpoint"], given["resume"], mark), bar)
    return (
        found
        if refine is None
        else refined(found, given, refine, whole_number("refine_epochs", given["refine_epochs"], 1))
    )
