"""A cell found from its spikes: Izhikevich or AdEx under a current step, by a genetic algorithm.

A hidden cell gets the current under which it fires exactly so many spikes in 2 s; candidates get the same current, and
are judged by the squared SPIKE-distance of their spikes plus the difference of the counts. Afterwards the cells are
compared under new noise, which the search has not seen, by t-tests and effect sizes. One learns to find a current, to
search the parameters of a cell, and that equal spikes under one step do not mean equal parameters.

    python examples/evolve_cell.py [OUTPUT_FOLDER] [--cell izhikevich|adex] [--quick]
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.figure import Figure
from scipy import stats

import pyspikenet as psn

SPIKES = 20
STEP = psn.CurrentStep(onset=1000.0, duration=2000.0)
CELL = psn.Network.from_edges(pre=[], post=[], weight=[], n=1)
CELLS: dict[str, tuple[Any, dict[str, tuple[float, float]], float]] = {  # the hidden cell, what is searched, noise
    "izhikevich": (
        psn.Izhikevich(a=0.02, b=0.2, c=-65.0, d=8.0),
        {"a": (0.002, 0.3), "b": (0.02, 0.36), "c": (-75.0, -35.0), "d": (0.005, 16.0)},
        2.0,
    ),
    "adex": (
        psn.AdEx(),
        {"a": (0.0, 20.0), "b": (0.0, 200.0), "tau_w": (20.0, 300.0), "V_r": (-75.0, -50.0)},
        80.0,
    ),
}


def effect_size(a: Any, b: Any) -> float:
    """Cohen's d, with the pooled standard deviation."""
    pooled = np.sqrt((np.var(a, ddof=1) + np.var(b, ddof=1)) / 2)
    return float((np.mean(a) - np.mean(b)) / pooled) if pooled > 0 else 0.0


def compare(name: str, a: Any, b: Any) -> None:
    """Prints whether the means of two samples differ (Welch's t-test)."""
    a, b = (np.asarray(x, float).ravel() for x in (a, b))
    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    test = stats.ttest_ind(a, b, equal_var=False)
    print(f"  {name:9s} {a.mean():8.3f} {b.mean():8.3f}   p = {test.pvalue:.3f}, d = {effect_size(b, a):+.2f}")


def intervals(ds: Any) -> Any:
    """All intervals between spikes of one neuron [ms]."""
    trains = [train for trial in range(ds.sizes["trial"]) for train in ds.spk.trains(trial=trial)]
    return np.concatenate([np.diff(x) for x in trains])


def posthoc(hidden: Any, found: Any, stimulus: Any, trials: int) -> None:
    """Rates, LV and intervals of both cells in trials that the search has not seen."""
    runs = [psn.simulate(x, CELL, duration=STEP.stop, trials=trials, stimulus=stimulus, seed=9 + k)
            for k, x in enumerate((hidden, found))]  # fmt: skip
    print(f"with noise, {trials} trials: mean of the hidden cell, of the found one, Welch's t-test, Cohen's d")
    compare("rate (Hz)", *(x.spk.rates() for x in runs))
    compare("LV", *(x.spk.lv() for x in runs))
    compare("ISI (ms)", *(intervals(x) for x in runs))


def best_values(found: Any) -> tuple[Any, Any]:
    """The parameters of the best candidate so far, by generation, and the generations at which it changed."""
    loss = found.history.loss.values[:, :, 0]
    values = found.history.parameters.values
    lowest = np.nanargmin(loss, axis=1)
    best, rows = np.inf, []
    for generation, candidate in enumerate(lowest):
        if loss[generation, candidate] < best:
            best, row = loss[generation, candidate], values[generation, candidate]
        rows.append(row)
    rows = np.array(rows)
    changed = np.flatnonzero(np.r_[True, (np.diff(rows, axis=0) != 0).any(axis=1)])
    return rows, changed


def overlay(runs: dict[str, Any], figure: Figure) -> None:
    """Traces and rasters of both cells."""
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    for y, (name, ds) in enumerate(runs.items()):
        above.plot(ds.time, ds.v.values.ravel(), lw=0.8, label=name, alpha=0.8)
        below.vlines(ds.spike_time, -y - 0.4, -y + 0.4, color=f"C{y}", lw=1)
    above.legend(frameon=False)
    above.set(ylabel="potential (mV)", title=f"{SPIKES} spikes in {STEP.duration / 1000:g} s")
    below.set_yticks(-np.arange(len(runs)), list(runs))
    below.set(xlabel="time (ms)", xlim=(STEP.onset - 100, STEP.stop))
    for ax in (above, below):
        ax.spines[["top", "right"]].set_visible(False)


def animate(hidden: Any, found: Any, names: list[str], stimulus: Any, truth: Any, path: Path) -> None:
    """The best candidate of the moments at which it changed."""
    rows, changed = best_values(found)
    changed = changed[np.unique(np.linspace(0, len(changed) - 1, 20).round().astype(int))]
    cells = psn.Network.from_edges(pre=[], post=[], weight=[], n=len(changed))
    model = hidden.replace(**dict(zip(names, rows[changed].T, strict=True)))
    ds = psn.simulate(model, cells, duration=STEP.stop, stimulus=stimulus, record="v", record_every=1.0)
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    above, below = figure.subplots(2, 1)
    above.plot(truth.time, truth.v.values.ravel(), color="0.7", lw=0.8)
    (line,) = above.plot(ds.time, ds.v.values[0, :, 0], color="C1", lw=0.8)
    above.set(xlabel="time (ms)", ylabel="potential (mV)", xlim=(STEP.onset - 100, STEP.stop))
    below.plot(found.history.generation, found.history.best, color="black")
    (point,) = below.plot([1], [1], "o", color="C1")
    below.set(xlabel="generation", ylabel="loss", yscale="log")

    def frame(k: int) -> Any:
        line.set_ydata(ds.v.values[0, :, k])
        point.set_data([changed[k] + 1], [float(found.history.best[changed[k]])])
        return line, point

    FuncAnimation(figure, frame, len(changed), blit=False).save(path, PillowWriter(fps=4), dpi=80)


def main(output: Path, name: str, quick: bool) -> None:
    output.mkdir(parents=True, exist_ok=True)
    hidden, free, noise = CELLS[name]
    step = psn.find_current(hidden, SPIKES, STEP)
    low, high = step.interval
    print(f"{name}: {SPIKES} spikes under {step.current:.4g} {step.unit} ({low:.4g} to {high:.4g})")
    stimulus = STEP.stimulus(step.current)
    asked = {"duration": STEP.stop, "stimulus": stimulus, "record": "v"}
    truth = psn.simulate(hidden, CELL, **asked)

    loss = psn.SpikeDistance(power=2.0) + STEP.stop / 1000 * psn.RateLoss()  # |difference of rates| s = of counts
    algorithm = psn.GeneticAlgorithm(population=16 if quick else 64, mutation_index=0.0)
    found = psn.fit(
        hidden, CELL, truth, free=free, loss=loss, stimulus=stimulus, method=algorithm, epochs=5 if quick else 40,
        seed=1, progress=False,
    )  # fmt: skip
    best = psn.simulate(found.model, CELL, **asked)
    distance = float(psn.spike_distance(best, truth).values.ravel()[0])
    print(f"loss {float(found.history.best[0]):.4g} -> {found.loss:.4g} in {found.generations} generations")
    print(f"spikes: hidden {truth.sizes['spike']}, found {best.sizes['spike']}; SPIKE-distance {distance:.4f}")
    for parameter in free:
        print(f"  {parameter}: hidden {getattr(hidden, parameter):g}, found {found.parameters[parameter]:.4g}")
    posthoc(hidden, found.model, stimulus + psn.NoiseCurrent(sigma=noise, tau=5.0), trials=5 if quick else 30)

    figure = Figure(figsize=(9, 5), layout="constrained")
    overlay({"hidden": truth, "found": best}, figure)
    figure.savefig(output / "evolve_cell.png", dpi=150)
    found.plot_loss().figure.savefig(output / "evolve_cell_convergence.png", dpi=150, bbox_inches="tight")
    animate(hidden, found, list(free), stimulus, truth, output / "evolve_cell.gif")
    print(f"written to {output}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Finds a cell from its spikes.")
    parser.add_argument("output", nargs="?", type=Path, default=Path(__file__).parent / "output")
    parser.add_argument("--cell", choices=list(CELLS), default="izhikevich")
    parser.add_argument("--quick", action="store_true", help="a small search, to see that it runs")
    given = parser.parse_args()
    main(given.output, given.cell, given.quick)
