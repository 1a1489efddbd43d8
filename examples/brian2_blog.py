"""Three neurons with conductances, their model written as equations in the style of Brian2, in two variants.

Neuron 0 excites neuron 2, neuron 1 inhibits it. The text that this follows describes inhibition by g_i (E_i - v), which
pulls the potential towards E_i, but prints g_i (E_e - E_i), which does not depend on the potential and is positive: it
excites. One learns how a model is written as text, with units that are checked, and what a wrong term does.

    python examples/brian2_blog.py [OUTPUT_FOLDER]
"""

import sys
from pathlib import Path

from matplotlib.figure import Figure

import pyspikenet as psn

TEXT = """
dv/dt = (g_L*(E_L - v) + g_e*(E_e - v) + INHIBITION + I)/C : volt
dg_e/dt = -g_e/tau_e : siemens
dg_i/dt = -g_i/tau_i : siemens
"""
PARAMETERS = {
    **{"C": "100*pF", "g_L": "5*nS", "E_L": "-70*mV", "E_e": "0*mV", "E_i": "-80*mV"},
    **{"tau_e": "20*ms", "tau_i": "100*ms"},
}
VARIANTS = {"g_i*(E_i - v)": "inhibition towards E_i", "g_i*(E_e - E_i)": "the term as printed"}
STIMULUS = psn.ConstantStimulus(strength=[700.0, 500.0, 0.0])  # pA


def simulate(term: str, inhibition: float):
    """100 ms of the three neurons with `term` for the inhibitory current and a weight of `inhibition` nS."""
    model = psn.Equations(
        TEXT.replace("INHIBITION", term),
        threshold="v > -40*mV",
        reset="v = -70*mV",
        parameters=PARAMETERS,
        receptors={"exc": "g_e", "inh": "g_i"},
        initial={"v": "E_L"},
    )
    network = psn.Network.from_edges(
        pre=[0, 1], post=[2, 2], weight=[1.0, inhibition], receptor=["exc", "inh"], n=3, delay=0.1
    )
    return psn.simulate(model, network, duration=100, dt=0.1, stimulus=STIMULUS, record="v", seed=0)


def main(output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    runs = {"no inhibition": simulate("g_i*(E_i - v)", 0.0)}
    runs |= {name: simulate(term, 0.5) for term, name in VARIANTS.items()}
    print("spikes of neurons 0, 1 and 2 in 100 ms:")
    for name, ds in runs.items():
        counts = " / ".join(str(x) for x in ds.spk.counts().values[0])
        print(f"{name:<24} {counts:>13}   potential of neuron 2 at the end: {float(ds.v[0, -1, 2]):.2f} mV")

    figure = Figure(figsize=(9, 7), layout="constrained")
    panels = figure.subplots(3, 1, sharex=True)
    titles = ("neuron 0 excites, 700 pA", "neuron 1 inhibits, 500 pA", "neuron 2 is driven by both")
    for neuron, (ax, title) in enumerate(zip(panels, titles, strict=True)):
        for (name, ds), color in zip(runs.items(), psn.plot.COLORS, strict=False):
            if neuron < 2 and name != "no inhibition":
                continue  # neurons 0 and 1 get no synapses
            ax.plot(ds.time, ds.v[0, :, neuron], color=color, label=name, linewidth=1.3)
            times = ds.spike_time[ds.spike_neuron.values == neuron]
            ax.vlines(times, -40, -20, color=color, linewidth=1.3)  # a spike, drawn by hand: the model has none
        ax.axhline(-40, color="#999999", linewidth=0.8, linestyle=":")
        ax.set(title=title, ylabel="potential (mV)", ylim=(-82, -15))
        ax.spines[["top", "right"]].set_visible(False)
    panels[2].legend(frameon=False, loc="upper left")
    panels[2].set(xlabel="time (ms)", xlim=(0, 100))
    figure.savefig(output / "brian2_blog.png", dpi=150)
    print(f"written to {output / 'brian2_blog.png'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "output")
