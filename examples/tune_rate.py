"""A network is tuned to the rate one wants: threshold and strength of the stimulus are found by gradient descent.

One learns to name the parameters to tune, to read the history, to tune every neuron to a rate of its own, and that
what comes back is a model like any other, to be simulated on.

    python examples/tune_rate.py [OUTPUT_FOLDER]
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

import pyspikenet as psn

TARGET = 20.0  # Hz


def main(output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    network = psn.Network.normal(n=200, std=5.0, sparsity=0.5, glorot=True, seed=1)
    flicker = psn.RegularStimulus(strength=1.0, period=200, duration=50)

    # One threshold and one strength for all: the mean rate of the network.
    tuned = psn.tune(
        psn.BernoulliGLM(), network, target=TARGET, parameters=["theta", "stimulus.strength"], stimulus=flicker,
        duration=2000, epochs=50, learning_rate=0.1, seed=0,
    )  # fmt: skip
    ds = psn.simulate(tuned.model, network, duration=20_000, stimulus=tuned.stimulus, seed=99)
    history = tuned.history
    print(f"theta {history.theta.values[0]:.2f} -> {tuned.model.theta:.2f}")
    print(f"stimulus.strength {history['stimulus.strength'].values[0]:.2f} -> {tuned.stimulus.strength:.2f}")
    print(f"rate {history.rate.values[0]:.2f} -> {float(ds.spk.rates().mean()):.2f} Hz, target {TARGET} Hz")

    # A threshold for each neuron: rates from 2 to 40 Hz.
    wanted = np.geomspace(2, 40, network.n)
    each = psn.tune(psn.BernoulliGLM(), network, target=wanted, duration=4000, epochs=50, learning_rate=0.2, seed=0)
    reached = psn.simulate(each.model, network, duration=50_000, seed=99).spk.rates().values[0]
    error = np.median(np.abs(reached / wanted - 1))
    print(f"one threshold per neuron: median error of the rates {100 * error:.1f} %")

    figure = Figure(figsize=(11, 3.8), layout="constrained")
    rate, values, neurons = figure.subplots(1, 3)
    rate.plot(history.epoch, history.rate, color="#1b6ca8", label="rate")
    rate.axhline(TARGET, color="#333333", linestyle="--", linewidth=1, label="target")
    rate.set(title="mean rate of the network", xlabel="epoch", ylabel="rate (Hz)", ylim=(0, None))
    values.plot(history.epoch, history.theta, color="#c0392b", label="theta")
    values.plot(history.epoch, history["stimulus.strength"], color="#2e8b57", label="stimulus.strength")
    values.set(title="tuned parameters", xlabel="epoch", ylabel="value (drive)")
    neurons.loglog(wanted, reached, "o", color="#8e5ea2", markersize=3, label="one neuron each")
    neurons.loglog([2, 40], [2, 40], color="#333333", linestyle="--", linewidth=1, label="target")
    neurons.set(title="a threshold for every neuron", xlabel="target (Hz)", ylabel="rate reached (Hz)")
    for axis in (neurons.xaxis, neurons.yaxis):
        axis.set_major_locator(FixedLocator([2, 5, 10, 20, 40]))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
    for ax in (rate, values, neurons):
        ax.legend(frameon=False)
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(output / "tune_rate.png", dpi=150)
    print(f"written to {output / 'tune_rate.png'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "output")
