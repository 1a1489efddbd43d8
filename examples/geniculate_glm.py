"""Spikes of the lateral geniculate nucleus predicted from those of the retina, on repetitions that were left out.

One learns to fit a generalised linear model to recorded spike times, with another neuron's spikes as its stimulus, to
choose a penalty by cross-validation, and to judge a fit by data it has not seen: bits per spike, and explained variance
of the PSTH. The recording is that of challenge D of the Quantitative Single-Neuron Modeling Competition 2009
(Carandini, Horton & Sincich 2007, doi 10.6080/K0PN93H3) as an .npz file with `reps` and, for each repetition R, `pre_R`
and `post_R`: times in ms of retinal and geniculate spikes. Without one, a relay cell is simulated.

    python examples/geniculate_glm.py [OUTPUT_FOLDER] [RECORDING.npz]
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import pyspikenet as psn

DT, BIN = 1.0, 10.0  # ms
RETINA = psn.RaisedCosine(n=10, window=100.0, offset=1.0)
HISTORY = psn.RaisedCosine(n=6, window=80.0, offset=1.0)


def recorded(path: Path) -> tuple[list[np.ndarray], list[np.ndarray], float]:
    """Retinal and geniculate spike times of every repetition, and how long one is [ms]."""
    with np.load(path) as file:
        retina, geniculate = ([file[f"{name}_{r}"].astype(float) for r in file["reps"]] for name in ("pre", "post"))
    return retina, geniculate, float(np.ceil(max(map(np.max, retina + geniculate)) / BIN) * BIN)


def simulated() -> tuple[list[np.ndarray], list[np.ndarray], float]:
    """The same of two neurons: the first is driven by the same noise in every repetition, and drives the second."""
    rng, duration = np.random.default_rng(3), 1500.0
    scene = np.convolve(rng.normal(size=1500), np.exp(-np.arange(100) / 20.0))[:1500]
    relay = psn.Network.from_edges(pre=[0], post=[1], weight=[1.0], n=2)
    cells = psn.Cascade(
        nonlinearity="sigmoid", b=[-4.5, -6.0], coupling=psn.ArrayKernel(weights=5.0 * np.exp(-np.arange(40) / 6.0)),
        self_kernel=psn.RaisedCosineKernel(weights=[-8, -4, -1], last_peak=10.0),
    )  # fmt: skip
    stimulus = psn.ArrayStimulus(data=scene[:, None], dt=DT, targets=[0])
    ds = psn.simulate(cells, relay, duration=duration, dt=DT, stimulus=stimulus, trials=40, seed=4)
    trains = [ds.spk.trains(trial) for trial in range(40)]
    return [t[0] for t in trains], [t[1] for t in trains], duration


def main(output: Path, recording: Path | None) -> None:
    output.mkdir(parents=True, exist_ok=True)
    retina, geniculate, duration = simulated() if recording is None else recorded(recording)
    # A retinal spike may act within its own ms, so it is a stimulus: what neurons of the data do acts from the next on.
    edges = np.arange(round(duration / DT) + 1) * DT
    counts = np.array([np.histogram(edges[-1] - train, edges)[0][::-1] for train in retina], dtype=float)[..., None]
    test = np.arange(len(retina)) % 4 == 3
    known, unseen = ([[train] for train, out in zip(geniculate, test, strict=True) if out == kind] for kind in (0, 1))
    print(
        f"{len(retina)} repetitions of {duration / 1000:.2f} s: {sum(map(len, retina))} retinal and"
        f" {sum(map(len, geniculate))} geniculate spikes, {test.sum()} repetitions left out"
    )

    models = {}
    for name, history in (("retina alone", None), ("retina and history", HISTORY)):
        models[name] = psn.fit_glm(
            known, dt=DT, duration=duration, emission="bernoulli", coupling=None, history=history,
            stimulus=counts[~test], stimulus_basis=RETINA, penalty=psn.L2(), cross_validate=4,
            strengths=np.logspace(-7, -2, 6),
        )  # fmt: skip
    left_out = {"stimulus": counts[test], "duration": duration}
    rates = {name: glm.psth(unseen, bin=BIN, **left_out) for name, glm in models.items()}
    for name, glm in models.items():
        bits, explained = float(glm.score(unseen, **left_out)[0]), float(rates[name].explained_variance[0])
        # With its history a model predicts one step ahead: a spike that comes 1 ms early counts as two surprises then.
        print(f"{name}: {bits:.3f} bits per spike, {100 * explained:.1f} % of the variance of the PSTH")
    best = models["retina and history"]
    # What can be said without looking at the retina: the rate of the other repetitions at the same time.
    before = best.psth(bin=BIN).measured.values
    measured = rates["retina and history"].measured
    residual = float(((measured.values - before) ** 2).mean() / measured.values.var())
    print(f"the PSTH of the other repetitions explains {100 * (1 - residual):.1f} %")

    figure = Figure(figsize=(11, 6.4), layout="constrained")
    grid = figure.add_gridspec(2, 3)
    top, left, middle, right = (figure.add_subplot(place) for place in (grid[0, :], grid[1, 0], grid[1, 1], grid[1, 2]))
    end = min(2000.0, duration)
    shown = slice(0, round(end / BIN))
    top.stairs(measured[shown, 0], np.arange(shown.stop + 1) * BIN, color="#bbbbbb", fill=True, label="recorded")
    for (name, psth), color in zip(rates.items(), ("#1b6ca8", "#c0392b"), strict=True):
        top.plot(psth.time[shown] - BIN / 2, psth.predicted[shown, 0], color=color, linewidth=1.2, label=name)
    top.set(title="repetitions left out", xlabel="time (ms)", ylabel="rate (Hz)", xlim=(0, end), ylim=(0, None))
    top.legend(frameon=False)
    kernels = best.kernels()
    left.plot(kernels.stimulus_lag, kernels.stimulus[:, 0, 0], color="#1b6ca8", label="retina")
    left.plot(kernels.history_lag + DT, kernels.history[:, 0], color="#333333", label="history")
    left.axhline(0, color="#999999", linewidth=0.6)
    left.set(title="kernels", xlabel="time after the spike (ms)", ylabel="effect on the log odds", xlim=(0, 60))
    left.legend(frameon=False)
    middle.plot(measured, rates["retina and history"].predicted, "o", color="#8e5ea2", markersize=2)
    middle.axline((0, 0), slope=1, color="#333333", linestyle="--", linewidth=1)
    middle.set(title=f"bins of {BIN:g} ms", xlabel="recorded rate (Hz)", ylabel="predicted rate (Hz)")
    best.plot_cross_validation(ax=right)
    right.set_title("penalty")
    for ax in (top, left, middle):
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(output / "geniculate_glm.png", dpi=150)
    print(f"written to {output / 'geniculate_glm.png'}")


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "output"
    main(folder, Path(sys.argv[2]) if len(sys.argv) > 2 else None)
