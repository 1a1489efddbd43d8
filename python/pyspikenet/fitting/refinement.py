"""Before and after a search by populations: a first population from what is known, and gradients from the best."""

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from ..parameters import shown
from .free import Floats
from .population import Task
from .space import Real, Space

if TYPE_CHECKING:
    from .evolved import PopulationFit

MOST_KNOWN = 500  # candidates that the model of the losses is made of
TRIED = 64  # points per candidate of the first population at which it is asked


def unit_cube(space: Space) -> tuple[Floats, Floats, Any]:
    """Low and high ends of the dimensions on their scales, and which scales are logarithmic."""
    low, high, log = space.low, space.high, space.log
    return (
        np.where(log, np.log(np.where(log, low, 1.0)), low),
        np.where(log, np.log(np.where(log, high, 1.0)), high),
        log,
    )


def seed_population(earlier: "PopulationFit", task: Task, algorithm: Any, seed: int) -> Floats:
    """The first population: what a smooth model of the losses of an earlier search expects to be best, and its best.

    The model interpolates ranks of losses with thin plate splines (SciPy's RBFInterpolator); it is asked at points
    drawn around the best candidates and everywhere.
    """
    from scipy.interpolate import RBFInterpolator

    history = getattr(earlier, "history", None)
    if history is None or "parameters" not in history:
        raise TypeError(f"warm_start must be what a fit by populations returned, got {shown(earlier)}")
    space = task.space
    if list(history.parameter.values) != space.names:
        raise ValueError(
            f"warm_start must be of a fit with the free parameters {', '.join(space.names)}, got one with"
            f" {', '.join(map(str, history.parameter.values))}"
        )
    if not hasattr(algorithm, "settings"):
        raise ValueError("warm_start must be None for an optimiser from outside, which draws its own first population")
    size = algorithm.settings(len(space))["population"] or 4 + int(3 * np.log(len(space)))
    low, high, log = unit_cube(space)
    rows = history.parameters.values.reshape(-1, len(space))
    losses = history.loss.values[:, :, 0].ravel()
    inside = np.isfinite(losses) & ((rows >= space.low) & (rows <= space.high)).all(axis=1)
    rows, losses = rows[inside], losses[inside]
    if not len(rows):
        raise ValueError("warm_start must have candidates within the bounds of this fit, got none")
    best = np.argsort(losses, kind="stable")
    rows, losses = rows[best], losses[best]
    points = (np.where(log, np.log(np.where(log, rows, 1.0)), rows) - low) / (high - low)
    points, first = np.unique(points[:MOST_KNOWN], axis=0, return_index=True)
    ranks = np.argsort(np.argsort(losses[:MOST_KNOWN][first])).astype(float)
    order = np.argsort(ranks)
    random = np.random.default_rng(seed)
    tries = random.random((TRIED * size, len(space)))
    if len(points) > len(space) + 1:
        spread = np.maximum(points[order[: max(2, len(points) // 5)]].std(axis=0), 1e-3)
        around = points[order[random.integers(0, max(1, len(points) // 10), len(tries))]]
        tries = np.concatenate([tries, np.clip(around + spread * random.standard_normal(around.shape), 0, 1)])
        model = RBFInterpolator(points, ranks, smoothing=1.0)
        tries = tries[np.argsort(model(tries), kind="stable")]
    chosen = np.concatenate([points[order[:1]], tries[: size - 1]])
    values = low + chosen * (high - low)
    values = np.where(log, np.exp(values), values)
    for j, dimension in enumerate(space.dimensions.values()):
        if not isinstance(dimension, Real):
            values[:, j] = np.round(values[:, j])
        values[:, j] = np.clip(values[:, j], dimension.low, dimension.high)
    return values


def refined(found: "PopulationFit", given: dict[str, Any], method: str, epochs: int) -> "PopulationFit":
    """Follows gradients from the best candidate; what is better of the two."""
    from .fit import fit

    task = found.task
    if task.builds or len(task.stimuli) > 1 or len(task.objectives) > 1:
        raise ValueError("refine must be None where pieces are functions, and with several stimuli or objectives")
    bounds, rates = {}, {}
    for name, shape, own in task.places():
        low, high = (ends[own].reshape(shape) for ends in (task.space.low, task.space.high))
        bounds[name] = (low, high)
        rates[name] = 0.005 * float(np.mean(high - low))
    more: dict[str, Any] = {"learning_rate": rates} if method == "adam" else {}
    settings = {k: v for k, v in task.settings.items() if k != "for_builders"} | {
        "initial_state": found.initial_state or None
    }
    after = fit(
        found.model, found.network, task.data[0], free=[name for name, _ in task.names], loss=task.objectives[0],
        stimulus=found.stimulus, method=method, bounds=bounds, epochs=epochs, progress=given["progress"],
        **more, **settings,
    )  # fmt: skip
    if not after.loss < found.loss:
        return found
    parameters = {name: float(x) if np.ndim(x) == 0 else x for name, x in after.parameters.items()}
    return dataclasses.replace(
        found, model=after.model, network=after.network, stimulus=after.stimulus, initial_state=after.initial_state,
        loss=after.loss, parameters=parameters,
    )  # fmt: skip
