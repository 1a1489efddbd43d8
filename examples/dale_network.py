"""A random network under Dale's law with a flickering stimulus: spikes, rates of both kinds of neurons, regularity.

One learns the way from a random network to a raster and a peristimulus time histogram, that stimuli add up, and that
one trial out of many can be run again on its own, to the bit.

    python examples/dale_network.py [OUTPUT_FOLDER]
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import pyspikenet as psn


def main(output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    # Half of the neurons excite, half inhibit; glorot divides the weights by sqrt(n).
    network = psn.Network.normal(n=200, std=5.0, sparsity=0.5, glorot=True, seed=1)
    first = network.groups["excitatory"][:50]
    flicker = psn.RegularStimulus(strength=2.5, period=500, duration=100, start=250, targets=first)
    wave = psn.SinStimulus(amplitude=1.0, period=2000, targets="inhibitory")
    run = {"model": psn.BernoulliGLM(), "network": network, "duration": 4000, "stimulus": flicker + wave, "seed": 0}
    ds = psn.simulate(**run, trials=50, equilibration=200)
    print(f"{ds.sizes['spike']} spikes of {network.n} neurons in {ds.sizes['trial']} trials of 4 s")

    rates = ds.spk.rates().mean("trial")
    cv = ds.spk.cv().mean()
    for name in network.groups:
        print(f"{name:<12} {float(rates[ds[f'group_{name}'].values].mean()):5.2f} Hz")
    print(f"{'stimulated':<12} {float(rates[first].mean()):5.2f} Hz")
    print(f"intervals between spikes have a coefficient of variation of {float(cv):.2f}")

    again = psn.simulate(**run, trials=[7], equilibration=200)
    same = np.array_equal(again.spike_time, ds.spike_time[ds.spike_trial.values == 7])
    print(f"trial 7 run again on its own: {'the same spikes' if same else 'other spikes'}")

    figure = Figure(figsize=(10, 7.5), layout="constrained")
    raster, psth = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1.2])
    others = {
        "excitatory, stimulated": first,
        "inhibitory": network.groups["inhibitory"],
        "excitatory, others": network.groups["excitatory"][50:],
    }
    ds.spk.plot_raster(trial=0, color_by=others, ax=raster)
    raster.get_legend().remove()
    raster.set(title="Dale network: one of 50 trials", xlabel="")
    for (name, who), color in zip(others.items(), psn.plot.COLORS, strict=False):
        values = ds.spk.psth(25.0, who)
        psth.stairs(values, np.append(0.0, values.time), color=color, label=name, linewidth=1.4)
    psth.set(
        title="mean over trials and neurons, bins of 25 ms", xlabel="time (ms)", ylabel="rate (Hz)", ylim=(0, None)
    )
    psth.spines[["top", "right"]].set_visible(False)
    for ax in (raster, psth):
        for begin in range(250, 4000, 500):
            ax.axvspan(begin, begin + 100, color="#dcdcdc", alpha=0.6, linewidth=0, zorder=-1)
    figure.legend(*psth.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(output / "dale_network.png", dpi=150)
    print(f"written to {output / 'dale_network.png'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "output")
