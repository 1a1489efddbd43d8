"""One fit after the other, on all cores; what is finished is kept as a file. Read ``judging.py`` next."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import experiment as paper
import judging
import numpy as np
import xarray

import pyspikenet as psn
from pyspikenet.fitting.result import Fit

FREE = [*paper.NAMES, "weight", "stimulus.rate"]
RULE = {"surrogate": psn.SigmoidSurrogate(alpha=1.0), "mode": "soft", "detach_reset": True, "threads": 1}
Task = tuple[paper.Configuration, int, int]


def data(number: int, use: str, iterations: int = paper.ITERATIONS) -> xarray.Dataset:
    """Spikes of a target network: new windows for each iteration of the training, ten more for the test, a long run."""
    model, network = paper.target(number)
    duration, trials = (paper.LONG, 1) if use == "long" else (paper.WINDOW, paper.WINDOWS)
    trials *= iterations if use == "training" else 1
    return psn.simulate(
        model,
        network,
        duration=duration,
        trials=trials,
        stimulus=paper.poisson(),
        seed=paper.seed(number, use),
        threads=1,
    )


def fit(configuration: paper.Configuration, number: int, which: int) -> xarray.Dataset:
    """One fit: its losses, its parameters over iterations, and how its network is judged."""
    training, test, long = (data(number, use) for use in ("training", "test", "long"))
    model, network = paper.beginning(number, which)
    loss = paper.loss(configuration.loss)
    begun = time.perf_counter()
    found = psn.fit(
        model, network, training, free=FREE, loss=loss, stimulus=paper.poisson(), method=configuration.method,
        learning_rate=configuration.learning_rate, dale=True,
        bounds={**paper.BOUNDS, "weight": paper.weight_bounds(network)},
        epochs=paper.ITERATIONS, trials_per_epoch=paper.WINDOWS, batch_size=1, seed=paper.seed(number, "training"),
        progress=False, **RULE,
    )  # fmt: skip
    seconds = time.perf_counter() - begun
    course = _course(found)
    # The weights of an adaptive loss change as the fit goes on; those of the test are its means.
    judge = 0.55 * psn.RateLoss() + 0.55 * paper.loss("van Rossum 20") if configuration.loss == "adaptive" else loss
    test_loss = [
        psn.gradient(
            judge, *_neurons(course, k, network), paper.poisson(float(course.rate[k])), wrt="E_L", data=test,
            seed=paper.seed(number, "test"), **RULE,
        ).loss
        for k in range(course.sizes["state"])
    ]  # fmt: skip
    course["test_loss"] = ("state", test_loss)
    course["training_loss"] = ("iteration", found.history.loss.values)
    course["seconds"] = ((), seconds)
    last = _neurons(course, -1, network)
    run = {"untrained": (model, network, paper.RATE), "fitted": (*last, float(course.rate[-1]))}
    judged = [
        judging.judge(long, judging.simulate(*who, seed=paper.seed(number, "long"))).expand_dims(model=[name])
        for name, who in run.items()
    ]
    return xarray.merge([course, xarray.concat(judged, "model")])


def _course(found: Fit) -> xarray.Dataset:
    """Parameters at the begin of each iteration and at the end."""
    history, last = found.history, found.last
    matrix = np.zeros((paper.ITERATIONS + 1, paper.N, paper.N))
    matrix[:-1, last.network.pre, last.network.post] = history.weight.values
    matrix[-1, last.network.pre, last.network.post] = last.network.weight
    own = {k: (("state", "neuron"), np.vstack([history[k].values, getattr(last.model, k)])) for k in paper.NAMES}
    rate = np.append(history["stimulus.rate"].values, last.stimulus.rate)
    return xarray.Dataset({**own, "weight": (("state", "pre", "post"), matrix), "rate": ("state", rate)})


def _neurons(course: xarray.Dataset, k: int, network: psn.Network) -> paper.Neurons:
    at = course.isel(state=k)
    model = psn.LIFGate(**{name: at[name].values for name in paper.NAMES})
    return paper.Neurons(model, network.with_weights(at.weight.values[network.pre, network.post]))


# ---- many of them ---------------------------------------------------------------------------------------------------


def write(found: xarray.Dataset, path: Path) -> None:
    """Writes a file that is either whole or not there."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    found.to_netcdf(beside, engine="h5netcdf")
    beside.replace(path)


def file_of(folder: Path, task: Task) -> Path:
    """Where a fit is kept."""
    configuration, number, which = task
    name = str(configuration).lower().replace(", ", "-").replace(" ", "-")
    return folder / f"{name}-target{number}-fit{which}.nc"


def _fit_to_file(task: Task, path: Path) -> float:
    found = fit(*task)
    write(found, path)
    return float(found.seconds)


def run_all(tasks: Iterable[Task], folder: Path, workers: int, report: Callable[[Task, float], None]) -> None:
    """Does what is not done yet. Each process starts its engine once; a Ctrl-C loses the fits under way, no others."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = {task: path for task in tasks if not (path := file_of(folder, task)).exists()}
    for task, seconds in _results(missing, min(workers, len(missing))):
        report(task, seconds)


def _results(missing: dict[Task, Path], workers: int) -> Iterator[tuple[Task, float]]:
    if workers <= 1:
        for task, path in missing.items():
            yield task, _fit_to_file(task, path)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(_fit_to_file, task, path): task for task, path in missing.items()}
        try:
            for done in as_completed(futures):
                yield futures[done], done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
