"""A network found from its spikes: the statistics of its connections, or the number of rungs of a ladder.

200 excitatory and 50 inhibitory Izhikevich cells have unknown probabilities p and widths sigma of the weights from
excitatory cells to excitatory (ee) and to inhibitory ones (ei). A function makes a network of four such numbers, always
from the same random draws, so that neurons can be matched; candidates are judged by the SPIKE-distance, summed over
neurons. The second experiment is a closed ladder of 3 to 40 rungs, known by one whole number. One learns to search what
a network is made from, and to compare the networks found in other trials.

    python examples/evolve_network.py [OUTPUT_FOLDER] [--quick]
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from evolve_cell import compare, intervals
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.figure import Figure

import pyspikenet as psn

EXCITATORY, INHIBITORY = 200, 50
N = EXCITATORY + INHIBITORY
TRUTH = {"sigma_ee": 0.5, "p_ee": 0.8, "sigma_ei": 0.5, "p_ei": 0.8}
DRIVE = psn.ConstantStimulus(strength=11.5)
DT = 0.5  # ms

RNG = np.random.default_rng(4)
DRAWN, WIDTH = RNG.random((N, N)), np.abs(RNG.normal(size=(N, N)))
VARIETY = RNG.random(N)
IS_EXCITATORY = np.arange(N) < EXCITATORY
# The cells of Izhikevich (2003): from regular spiking to chattering, and fast spiking to low-threshold spiking.
CELLS = psn.Izhikevich(
    a=np.where(IS_EXCITATORY, 0.02, 0.02 + 0.08 * VARIETY),
    b=np.where(IS_EXCITATORY, 0.2, 0.25 - 0.05 * VARIETY),
    c=np.where(IS_EXCITATORY, -65.0 + 15.0 * VARIETY**2, -65.0),
    d=np.where(IS_EXCITATORY, 8.0 - 6.0 * VARIETY**2, 2.0),
)


def network(values: dict[str, Any]) -> psn.Network:
    """The network of these statistics; weights of inhibitory cells are known."""
    weights = -WIDTH.copy()
    for name, post in (("ee", slice(0, EXCITATORY)), ("ei", slice(EXCITATORY, N))):
        block = slice(0, EXCITATORY), post
        weights[block] = values[f"sigma_{name}"] * WIDTH[block] * (DRAWN[block] < values[f"p_{name}"])
    np.fill_diagonal(weights, 0.0)
    groups = {"excitatory": np.flatnonzero(IS_EXCITATORY), "inhibitory": np.flatnonzero(~IS_EXCITATORY)}
    return psn.Network.from_dense(weights).with_groups(**groups)


def ladder(values: dict[str, Any]) -> psn.Network:
    """A closed ladder, along which a kick to the first neuron travels."""
    return psn.Network.ladder(values["rungs"], weight=40.0, delay=2.0)


def search(model: Any, builder: Any, truth: Any, free: Any, stimulus: Any, population: int, generations: int) -> Any:
    """Searches what the builder makes networks from."""
    return psn.fit(
        model, builder, truth, free=free, loss=psn.SpikeDistance(), stimulus=stimulus, dt=DT, epochs=generations,
        seed=2, method=psn.GeneticAlgorithm(population=population), progress=False,
    )  # fmt: skip


def raster(ax: Any, ds: Any, color: str, title: str) -> None:
    ax.plot(ds.spike_time, ds.spike_neuron, ".", ms=1.5, color=color)
    ax.set(title=title, ylabel="neuron", ylim=(-1, ds.sizes["neuron"]))
    ax.spines[["top", "right"]].set_visible(False)


def overlay(truth: Any, best: Any, path: Path) -> None:
    """Rasters one above the other, and the potential of one neuron in both."""
    figure = Figure(figsize=(9, 8), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True)
    raster(axes[0], truth, "C0", "hidden network")
    raster(axes[1], best, "C1", "found network")
    for ds, name in ((truth, "hidden"), (best, "found")):
        axes[2].plot(ds.time, ds.v.values.reshape(ds.sizes["time"], -1)[:, 0], lw=0.8, label=name, alpha=0.8)
    axes[2].legend(frameon=False)
    axes[2].set(xlabel="time (ms)", ylabel="potential (mV)", title="neuron 0")
    axes[2].spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def animate(found: Any, names: list[str], path: Path) -> None:
    """Where the candidates are, generation by generation."""
    values, loss = found.history.parameters.values, found.history.loss.values[:, :, 0]
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    axes = figure.subplots(1, 3)
    dots = []
    for ax, (x, y) in zip(axes, ((0, 1), (2, 3)), strict=False):
        ax.plot(TRUTH[names[x]], TRUTH[names[y]], "+", color="black", ms=12)
        dots.append(ax.plot([], [], ".", color="C1")[0])
        ax.set(xlabel=names[x], ylabel=names[y], xlim=(0, 1), ylim=(0, 1))
    axes[2].plot(found.history.generation, found.history.best, color="black")
    (all_of,) = axes[2].plot([], [], ".", color="C1")
    axes[2].set(xlabel="generation", ylabel="loss", ylim=(0, float(np.nanmax(loss[np.isfinite(loss)])) * 1.05))

    def frame(k: int) -> Any:
        for dot, (x, y) in zip(dots, ((0, 1), (2, 3)), strict=True):
            dot.set_data(values[k, :, x], values[k, :, y])
        all_of.set_data(np.full(loss.shape[1], k + 1), loss[k])
        return (*dots, all_of)

    FuncAnimation(figure, frame, len(values), blit=False).save(path, PillowWriter(fps=3), dpi=80)


def posthoc(hidden: Any, found: Any, trials: int, duration: float) -> None:
    """Rates, LV and intervals in trials with noise."""
    noisy = DRIVE + psn.NoiseCurrent(sigma=3.0, tau=5.0)
    runs = [psn.simulate(CELLS, x, duration=duration, dt=DT, trials=trials, stimulus=noisy, seed=9 + k)
            for k, x in enumerate((hidden, found))]  # fmt: skip
    print(f"with noise, {trials} trials of each neuron: hidden, found, Welch's t-test over neurons, Cohen's d")
    compare("rate (Hz)", *(x.spk.rates().mean("trial") for x in runs))
    compare("LV", *(x.spk.lv().mean("trial") for x in runs))
    compare("ISI (ms)", *(intervals(x) for x in runs))


def main(output: Path, quick: bool) -> None:
    output.mkdir(parents=True, exist_ok=True)
    duration = 200.0 if quick else 400.0
    asked = {"duration": duration, "dt": DT, "stimulus": DRIVE, "record": "v", "record_neurons": [0]}
    hidden = network(TRUTH)
    truth = psn.simulate(CELLS, hidden, **asked)
    free = dict.fromkeys(TRUTH, (0.0, 1.0))
    found = search(CELLS, network, truth, free, DRIVE, *((8, 3) if quick else (40, 20)))
    best = psn.simulate(CELLS, found.network, **asked)
    print(f"{N} neurons, {hidden.n_synapses} synapses, {truth.sizes['spike']} spikes in {duration:g} ms")
    print(f"SPIKE-distance per neuron {float(found.history.best[0]) / N:.4f} -> {found.loss / N:.4f}")
    for name, value in TRUTH.items():
        print(f"  {name}: hidden {value:g}, found {found.parameters[name]:.3f}")
    posthoc(hidden, found.network, 2 if quick else 4, duration)
    overlay(truth, best, output / "evolve_network.png")
    found.plot_loss().figure.savefig(output / "evolve_network_convergence.png", dpi=150, bbox_inches="tight")
    animate(found, list(TRUTH), output / "evolve_network.gif")

    kick = psn.ConstantStimulus(strength=20.0, stop=20.0, targets=[0])
    rungs = 17
    cell = psn.Izhikevich()
    travelling = psn.simulate(cell, ladder({"rungs": rungs}), duration=200.0, dt=DT, stimulus=kick)
    climbed = search(
        cell, ladder, travelling, {"rungs": psn.Integer(3, 40)}, kick, 8 if quick else 10, 3 if quick else 6
    )
    print(f"ladder: {travelling.sizes['spike']} spikes; rungs: hidden {rungs}, found {climbed.parameters['rungs']},")
    first, last = float(climbed.history.best[0]) / (2 * rungs), climbed.loss / (2 * rungs)
    print(f"  SPIKE-distance per neuron {first:.4f} -> {last:.4f}")
    print(f"written to {output}")


if __name__ == "__main__":
    rest = [x for x in sys.argv[1:] if x != "--quick"]
    main(Path(rest[0]) if rest else Path(__file__).parent / "output", "--quick" in sys.argv)
