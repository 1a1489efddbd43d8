"""A cascade model of one's own: nonlinearity as text, raised cosine kernel of a neuron's own spikes, stimulus kernel.

One learns what a Cascade is put together from, to pass a stimulus through a kernel by naming its channel, to record
drive and rate, and to compute them for spikes that are given.

    python examples/own_cascade.py [OUTPUT_FOLDER]
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import pyspikenet as psn

DT = 0.5  # ms


def main(output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    after_spike = psn.RaisedCosineKernel(weights=[-12, -6, -2, 0.15, 0.1], last_peak=40.0, offset=2.0)
    light = psn.RaisedCosineKernel(weights=[0.0, 0.10, 0.06, -0.05, -0.03], first_peak=5.0, last_peak=80.0, offset=10.0)
    model = psn.Cascade(
        nonlinearity="0.2 * log1p(exp(2 * g)) / (1 + 0.4 * log1p(exp(2 * g)))",  # a softplus that saturates
        emission="bernoulli",
        coupling=psn.ExponentialKernel(tau=8.0),
        self_kernel=after_spike,
        stimulus_kernels={"light": light},
        theta=1.4,
    )
    network = psn.Network.random(n=100, p=0.1, weight=lambda rng, size: rng.normal(0.0, 0.04, size), seed=3)
    flash = psn.RegularStimulus(strength=1.0, period=400, duration=60, start=100, channel="light")
    noise = psn.NoiseCurrent(sigma=0.3, tau=20.0)
    ds = psn.simulate(
        model, network, duration=1000, dt=DT, stimulus=flash + noise, trials=20, seed=0, record=["drive", "rate"]
    )
    given = psn.drive(model, network, spikes=ds, stimulus=flash + noise)
    rate = float(ds.spk.rates().mean())
    print(f"{ds.sizes['spike']} spikes, mean rate {rate:.2f} Hz; expected: {float(ds.rate.mean()):.2f} Hz")
    print(f"drive for given spikes differs by at most {float(abs(given.drive - ds.drive).max()):.1g}")

    figure = Figure(figsize=(11, 6), layout="constrained")
    (kernels, curve), (course, cell) = figure.subplots(2, 2)
    for name, kernel, scale, color in (("self", after_spike, 1, "#c0392b"), ("light (x 20)", light, 20, "#d68910")):
        values = kernel.values(DT)
        kernels.plot(np.arange(values.size) * DT, scale * values, color=color, label=name)
    kernels.axhline(0, color="#bbbbbb", linewidth=0.8, zorder=0)
    kernels.set(title="kernels", xlabel="lag (ms)", ylabel="drive")
    some = slice(None, None, 97)
    curve.plot(ds.drive.values.ravel()[some], ds.rate.values.ravel()[some], ".", color="#8e5ea2", markersize=2)
    curve.set(title="nonlinearity, as recorded", xlabel="drive g", ylabel="rate (Hz)", xlim=(-3, 4))
    psth = ds.spk.psth(5.0)
    course.stairs(psth, np.append(0.0, psth.time), color="#1b6ca8", label="spikes, bins of 5 ms")
    course.plot(ds.time, ds.rate.mean(("trial", "neuron")), color="#333333", linewidth=1, label="expected rate")
    course.set(title="all neurons and trials", xlabel="time (ms)", ylabel="rate (Hz)", ylim=(0, 125))
    cell.plot(ds.time, ds.drive.sel(trial=0, neuron=0), color="#2e8b57", linewidth=1, label="drive")
    cell.plot(ds.spk.trains(0)[0], np.full(ds.spk.trains(0)[0].size, 7.0), "|", color="#c0392b", label="spikes")
    cell.set(title="one neuron, one trial", xlabel="time (ms)", ylabel="drive g", ylim=(-17, 13))
    for ax in (course, cell):
        ax.set_xlim(0, 1000)
        for begin in range(100, 1000, 400):
            ax.axvspan(begin, begin + 60, color="#f9e79f", alpha=0.7, linewidth=0, zorder=-1)
    for ax in (kernels, curve, course, cell):
        ax.spines[["top", "right"]].set_visible(False)
        if ax.get_legend_handles_labels()[0]:
            ax.legend(frameon=False, ncols=2, loc="lower right" if ax is kernels else "upper center")
    figure.savefig(output / "own_cascade.png", dpi=150)
    print(f"written to {output / 'own_cascade.png'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "output")
