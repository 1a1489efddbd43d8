"""Optimisers of other libraries search where pyspikenet judges: cma, pymoo, nevergrad and optuna.

One learns to hand over an optimiser that asks for losses and is told them, in the library's own way, and that all of
its settings stay its own. Candidates are numbers in the units and in the order of ``free``, or values by name. Whoever
of the four is not installed is left out.

    python examples/outside_optimisers.py [OUTPUT_FOLDER]
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

import pyspikenet as psn

POPULATION, GENERATIONS = 24, 20
FREE = {"C": (100.0, 400.0), "g_L": (5.0, 50.0), "b": (0.0, 120.0)}
LOW, HIGH = [x[0] for x in FREE.values()], [x[1] for x in FREE.values()]


def of_cma() -> Any:
    """CMA-ES, as arrays: its standard deviations are in the units of the parameters."""
    import cma

    middle = [(a + b) / 2 for a, b in FREE.values()]
    width = [(b - a) / 4 for a, b in FREE.values()]
    settings = {"bounds": [LOW, HIGH], "CMA_stds": width, "popsize": POPULATION, "seed": 1, "verbose": -9}
    return cma.CMAEvolutionStrategy(middle, 1.0, settings)


def of_pymoo() -> Any:
    """Differential evolution; the problem is set up by fit(), or by yourself with setup()."""
    from pymoo.algorithms.soo.nonconvex.de import DE

    return DE(pop_size=POPULATION)


def of_nevergrad() -> Any:
    """Two-points differential evolution, by name; as many candidates at once as it has workers."""
    import nevergrad as ng

    by_name = ng.p.Dict(**{name: ng.p.Scalar(lower=a, upper=b) for name, (a, b) in FREE.items()})
    by_name.random_state.seed(1)
    return ng.optimizers.TwoPointsDE(by_name, num_workers=POPULATION)


def of_optuna() -> Any:
    """A tree-structured Parzen estimator; AskTell says for how many trials it is asked at once."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1))
    return psn.AskTell(study, population=POPULATION)


def main(output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    cell = psn.Network.from_edges(pre=[], post=[], weight=[], n=1)
    current = psn.ConstantStimulus(strength=800.0, start=20.0)
    truth = {"C": 200.0, "g_L": 20.0, "b": 60.0}
    data = psn.simulate(psn.AdEx(**truth), cell, duration=500, stimulus=current)

    figure = Figure(figsize=(5, 3.5), layout="constrained")
    ax = figure.subplots()
    libraries: dict[str, Callable[[], Any]] = {
        "cma": of_cma, "pymoo": of_pymoo, "nevergrad": of_nevergrad, "optuna": of_optuna, "pyspikenet": psn.CMAES,
    }  # fmt: skip
    for name, library in libraries.items():
        try:
            method = library() if library is not psn.CMAES else psn.CMAES(population=POPULATION)
        except ImportError as problem:
            print(f"{name}: left out, {problem}")
            continue
        found = psn.fit(
            psn.AdEx(), cell, data, free=FREE, loss=psn.SpikeDistance(), stimulus=current, method=method,
            epochs=GENERATIONS, progress=False,
        )  # fmt: skip
        values = ", ".join(f"{x} {found.parameters[x]:.4g}" for x in FREE)
        print(f"{name}: SPIKE-distance {found.loss:.4f} after {found.generations} generations, {values}")
        ax.plot(found.history.generation, found.history.best, label=name)
    ax.set(xlabel=f"generation of {POPULATION}", ylabel="lowest SPIKE-distance", yscale="log")
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(output / "outside_optimisers.png", dpi=150)
    print(f"wrote {output / 'outside_optimisers.png'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "output")
