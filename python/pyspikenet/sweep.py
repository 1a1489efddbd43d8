"""sweep(): what a network does over a grid of parameters, or at random points. Read ``fitting/population.py`` next."""

import contextlib
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .engine.session import Interrupt
from .fitting.checkpoint import fingerprint, mark_of
from .fitting.evolve import dimensions_of, is_direct, shapes_of
from .fitting.free import Floats
from .fitting.measures import measures_of
from .fitting.population import Evaluator, Task, is_builder
from .fitting.refinement import unit_cube
from .fitting.space import Categorical, Integer, Real, Space
from .fitting.workers import Crew
from .models.base import Model
from .network import Network
from .parameters import flag, seed_number, shown, whole_number
from .run import device_name
from .simulate import check_progress, progress_bar
from .stimulus import Stimulus, StimulusSum
from .sweep_store import InMemory, InZarr, Store

if TYPE_CHECKING:
    import os

    import xarray

BAR = "{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} points [{elapsed}<{remaining}]"
WORK = 1e9  # neurons times steps that are done before the next part is written: some seconds
MOST_POINTS = 1024
DESIGNS = ("random", "sobol", "latin_hypercube")


def sweep(
    model: "Model | Callable[[dict[str, Any]], Model]",
    network: "Network | Callable[[dict[str, Any]], Network]",
    *,
    over: Mapping[str, Any],
    measure: Any = "rate",
    each: str | Sequence[str] = (),
    duration: float,
    samples: int | None = None,
    design: str = "random",
    stimulus: "Stimulus | StimulusSum | Callable[[dict[str, Any]], Any] | None" = None,
    dt: float | None = None,
    trials: int | Sequence[int] = 1,
    seed: int = 0,
    equilibration: float = 0.0,
    initial_state: "Mapping[str, ArrayLike] | xarray.Dataset | None" = None,
    dtype: str = "float64",
    threads: int | None = None,
    device: str = "cpu",
    executor: Any = None,
    path: "str | os.PathLike[str] | None" = None,
    resume: bool = False,
    progress: bool | None = None,
) -> "xarray.Dataset":
    """Simulates a network over a grid of parameters or at random points, and measures what it does.

    Points are simulated side by side, as candidates of :func:`fit` are; each is what :func:`simulate` makes of its
    values with the same seed.

    Parameters
    ----------
    model, network, stimulus
        As in :func:`simulate`, or functions of the dict of values of a point that return one.
    over : dict
        What is varied, by name as in :func:`fit`: ``{"tau_m": [10, 20, 30], "stimulus.strength": [0, 10, 20]}`` is a
        grid of all combinations. Values of your own for functions may be of any kind; a dict gives them labels,
        ``{"cell": {"calm": LIF(), "wild": AdEx()}}``. With `samples`, bounds: ``{"tau_m": (5, 30)}``, or
        :class:`Real`, :class:`Integer` and :class:`Categorical`.
    measure : str, callable, or list of both; default "rate"
        Features of spike trains: "spike_count", "rate" [Hz], "latency" of the first spike [ms], "mean_interval" [ms],
        "cv", "lv", "adaptation_index"; functions of the dataset of a point that return a number, an array, a labelled
        array, or a dict of these.
    each : str or sequence of str, optional
        "trial", "neuron" or both: what features are given for each of. Default: their mean over trials and neurons,
        without those that have too few spikes.
    duration, dt, trials, initial_state, dtype, threads, device, progress
        As in :func:`simulate`.
    samples : int, optional
        How many random points are drawn. Default: a grid.
    design : {"random", "sobol", "latin_hypercube"}, default "random"
        How they are drawn: independently, as a scrambled Sobol sequence, or one in each of as many layers.
    seed : int, default 0
        Seed of the points, and of the run of each, the same for all.
    equilibration : float, default 0
        Time before t = 0 [ms], as in :func:`simulate`.
    executor : concurrent.futures.Executor, optional
        Simulates points in its processes, as in :func:`fit`. Results do not depend on it.
    path : str or Path, optional
        A Zarr store (.zarr) to which results are written part by part; the dataset that is returned reads from it.
    resume : bool, default False
        Whether to go on with what is at `path`, if it is of the same sweep: points that are done are not done again.

    Returns
    -------
    xarray.Dataset
        A variable for each measure; a dimension for each parameter, or the dimension ``sample`` with parameters along
        it. ``done`` tells which points were simulated, ``failure`` why one has no results. A Ctrl-C ends the sweep
        early; what is not done is NaN then, and the attribute ``interrupted`` is 1.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is described here, or `path` holds something else.
    EngineError
        If Julia cannot be started or stops.

    Examples
    --------
    >>> import pyspikenet as psn
    >>> net = psn.Network.random(n=20, p=0.2, weight=2.0, seed=1)
    >>> drive = psn.ConstantStimulus(strength=25.0)
    >>> over = {"tau_m": [10, 15, 20], "stimulus.strength": [20.0, 25.0]}
    >>> ds = psn.sweep(psn.LIF(), net, over=over, measure=["rate", "cv"], duration=200, stimulus=drive)
    >>> ds.rate.sizes
    Frozen({'tau_m': 3, 'stimulus.strength': 2})
    """
    check_progress(progress)
    asked = {
        "duration": duration, "dt": dt, "trials": trials, "seed": seed_number("seed", seed),
        "initial_state": initial_state, "dtype": dtype, "threads": threads,
        "device": device_name(device), "equilibration": equilibration,
    }  # fmt: skip
    points = _points(over, samples, design, seed)
    measures = measures_of(measure, each)
    for name, x, kind in (("model", model, Model), ("network", network, Network)):
        if not isinstance(x, kind) and not is_builder(x):
            raise TypeError(f"{name} must be a {kind.__name__}, or a function of the values of over, got {shown(x)}")
    for_builders = tuple(name for name in points.space.names if not is_direct(name, model, (stimulus,)))
    builds = any(is_builder(x) for x in (model, network, stimulus))
    fixed: Any = (model, network)
    if not builds:
        try:
            shapes_of(points.space.names, fixed[0], fixed[1], stimulus, dt)
        except ValueError as problem:
            raise ValueError(f"over{str(problem).removeprefix('free')}") from None
    task = Task(
        model, network, (stimulus,), (None,), points.space, tuple((name, ()) for name in points.space.names), (),
        asked | {"for_builders": for_builders if builds else ()}, measures,
    )  # fmt: skip
    here = Evaluator(task)
    judge: Any = here if executor is None else Crew(task, executor)
    try:
        run, free = here.protocols[0].run, here.protocols[0].free
        units = {x.name: x.unit for x in free}
        mark = fingerprint(
            {"params": {}, "pieces": mark_of((model, network, stimulus)), "measure": mark_of(measure),
             "each": list(measures.each), "points": mark_of(points.rows.tolist()), "space": repr(points.space),
             "settings": mark_of({k: x for k, x in asked.items() if k != "threads"})}, {},
        )  # fmt: skip
        work = run.network.n * run.trials.size * (run.warm_up + run.n_steps)
        size = int(min(max(WORK / max(work, 1), 2 * judge.workers() if executor is not None else 1), MOST_POINTS))
        coords = {
            name: (dims, x, {"units": units[name]} if name in units else {})
            for name, (dims, x) in points.coords.items()
        }
        store: Store
        if path is None:
            if flag("resume", resume):
                raise ValueError("resume must be False where there is no path, got True")
            store = InMemory(points.shape, coords)
        else:
            store = InZarr(path, points.shape, coords, blocks_of(points.shape, size), mark, flag("resume", resume))
        interrupted = _go(points, judge, store, store.block or blocks_of(points.shape, size), progress)
        return store.dataset({"interrupted": int(interrupted)})
    finally:
        judge.close()


@dataclass(frozen=True)
class Points:
    """The points of a sweep: rows of the space, as many as `shape` (its dimensions by name) says."""

    space: Space
    rows: Floats
    shape: dict[str, int]
    coords: dict[str, tuple[tuple[str, ...], NDArray[Any]]]


def _points(over: Any, samples: Any, design: Any, seed: int) -> Points:
    if not isinstance(over, Mapping) or not over or not all(isinstance(name, str) for name in over):
        raise TypeError(f"over must be a dict of names with what they are varied over, at least one, got {shown(over)}")
    if samples is None:
        return _grid(over)
    if design not in DESIGNS:
        raise ValueError(f"design must be one of {', '.join(DESIGNS)}, got {shown(design)}")
    if "sample" in over:
        raise ValueError("over must not have a parameter called sample, which is the dimension of the points")
    space = Space(dimensions_of(over, None, "over"))
    rows = drawn(space, whole_number("samples", samples, 1), design, seed)
    found = space.decode(rows)
    coords = {
        name: (("sample",), _labels([x[name] for x in found]) if _plain(x) else rows[:, j].astype(int))
        for j, (name, x) in enumerate(space.dimensions.items())
    }
    return Points(space, rows, {"sample": len(rows)}, {"sample": (("sample",), np.arange(len(rows))), **coords})


def _plain(x: Any) -> bool:
    return not isinstance(x, Categorical) or _labels(list(x.choices)).dtype.kind != "O"


def _labels(values: list[Any]) -> NDArray[Any]:
    """Values as a coordinate; an array of objects if they cannot be one."""
    for kinds, dtype in (
        (bool | np.bool_, bool),
        (int | np.integer, np.int64),
        (int | float | np.number, float),
        (str, str),
    ):
        if all(isinstance(x, kinds) for x in values):
            return np.array(values, dtype)
    return np.empty(len(values), object)


def _grid(over: Mapping[str, Any]) -> Points:
    dimensions: dict[str, Any] = {}
    coords: dict[str, tuple[tuple[str, ...], NDArray[Any]]] = {}
    for name, given in over.items():
        if isinstance(given, Real | Integer | Categorical | str) or not (
            isinstance(given, Mapping | Sequence) or np.ndim(given) == 1
        ):
            raise TypeError(
                f"over[{name!r}] must be a list of values, or bounds where samples= says how many points to draw, got"
                f" {shown(given)}"
            )
        values = list(given.values()) if isinstance(given, Mapping) else [_item(x) for x in given]
        if not values:
            raise ValueError(f"over[{name!r}] must have at least one value, got none")
        labels = _labels(list(given) if isinstance(given, Mapping) else values)
        if labels.dtype.kind == "O":
            labels = np.arange(len(values))
        if len(np.unique(labels)) < len(values):
            raise ValueError(f"over[{name!r}] must have each value once, got {shown(given)}")
        coords[name] = ((name,), labels)
        dimensions[name] = Categorical(values * 2 if len(values) == 1 else values)
    shape = {name: x.size for name, (_, x) in coords.items()}
    rows = np.array(list(itertools.product(*(range(n) for n in shape.values()))), float)
    return Points(Space(dimensions), rows, shape, coords)


def _item(x: Any) -> Any:
    return x.item() if isinstance(x, np.generic) else x


def drawn(space: Space, samples: int, design: str, seed: int) -> Floats:
    """Random candidates of a space."""
    random = np.random.default_rng(seed)
    if design == "random":
        unit = random.random((samples, len(space)))
    else:
        from scipy.stats import qmc

        if design == "sobol":
            powers = max(0, math.ceil(math.log2(samples)))
            unit = qmc.Sobol(len(space), seed=random).random_base2(powers)[:samples]
        else:
            unit = qmc.LatinHypercube(len(space), seed=random).random(samples)
    low, high, log = unit_cube(space)
    rows = np.empty_like(unit)
    for j, x in enumerate(space.dimensions.values()):
        if isinstance(x, Real):
            value = low[j] + unit[:, j] * (high[j] - low[j])
            rows[:, j] = np.exp(value) if log[j] else value
        elif log[j]:
            edges = np.log([x.low - 0.5, x.high + 0.5])
            rows[:, j] = np.round(np.exp(edges[0] + unit[:, j] * (edges[1] - edges[0])))
        else:
            rows[:, j] = np.floor(x.low + unit[:, j] * (x.high - x.low + 1))
        rows[:, j] = np.clip(rows[:, j], x.low, x.high)
    return rows


def blocks_of(shape: Mapping[str, int], size: int) -> tuple[int, ...]:
    """The shape of parts of a grid that have about `size` points: whole in the last dimensions, one in the first."""
    block, left = [], max(1, size)
    for n in reversed(list(shape.values())):
        block.append(min(n, max(1, left)))
        left //= n
    return tuple(reversed(block))


def _go(points: Points, judge: Any, store: Store, block: tuple[int, ...], progress: bool | None) -> bool:
    """Simulates block by block what is not done yet; whether a Ctrl-C ended it."""
    sizes = tuple(points.shape.values())
    rows = points.rows.reshape(*sizes, -1)
    starts = itertools.product(*(range(0, n, b) for n, b in zip(sizes, block, strict=True)))
    bar = progress_bar(progress, len(points.rows), "sweeping")
    bar.bar_format = BAR
    with contextlib.closing(bar), Interrupt() as interrupt:
        for start in starts:
            region = tuple(slice(a, min(a + b, n)) for a, b, n in zip(start, block, sizes, strict=True))
            own = rows[region]
            count = int(np.prod(own.shape[:-1]))
            if not store.is_done(region):
                try:
                    judged = judge.judge(own.reshape(count, -1), None, interrupt)
                except KeyboardInterrupt:
                    return True
                store.write(region, own.shape[:-1], judged.measured, judged.reasons)
            bar.update(count)
            if interrupt.requested:
                return not store.complete
    return False
