"""The nervous system of a worm is touched: spikes of the C. elegans connectome, its rates and two pictures.

One learns how to make a network from a table of synapses, name its neurons, stimulate some of them, simulate trials,
and read rates off the result. Wiring: Varshney et al. (2011), see data/README.md. Weights, threshold and touch are
chosen for this demonstration; most neurons of the worm signal without spikes: this is its wiring,
not its physiology.

    python examples/quickstart.py [OUTPUT_FOLDER]
"""

import csv
import sys
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import pyspikenet as psn

DATA = Path(__file__).parent / "data"
TOUCH = ["ALML", "ALMR", "AVM", "PLML", "PLMR", "PVM"]
COMMAND = ["AVA", "AVB", "AVD", "PVC"]
WEIGHT_PER_ROOT_CONTACT = 0.75
ONSET, PERIOD, PULSE = 500.0, 1000.0, 250.0  # ms
COLORS = {
    "touch_receptors": "#c0392b",
    "other_sensory": "#d68910",
    "command_interneurons": "#1b6ca8",
    "other_interneurons": "#5b9bc8",
    "motor_neurons": "#2e8b57",
}
LINES = {
    "touch_receptors": "#c0392b",
    "AVA": "#0b3c5d",
    "AVB": "#1b6ca8",
    "AVD": "#8e5ea2",
    "PVC": "#16a085",
    "motor_neurons": "#2e8b57",
}


def connectome() -> tuple[psn.Network, np.ndarray, np.ndarray]:
    """The network, and class and role of each neuron."""
    with (DATA / "celegans_neurons.csv").open() as file:
        cells = list(csv.DictReader(file))
    with (DATA / "celegans_connectome.csv").open() as file:
        contacts = [row for row in csv.DictReader(file) if row["pre"] != row["post"]]
    label = np.array([cell["neuron"] for cell in cells])
    kind, role = (np.array([cell[key] for cell in cells]) for key in ("class", "role"))
    place = {name: k for k, name in enumerate(label)}
    pre, post = (np.array([place[row[key]] for row in contacts]) for key in ("pre", "post"))
    # A gap junction excites in both directions; a chemical synapse has the sign of its transmitter (GABA inhibits).
    chemical = np.array([row["kind"] == "chemical" for row in contacts])
    sign = np.where(chemical, np.array([int(cell["sign"]) for cell in cells])[pre], 1)
    # The root keeps the few connections of thirty and more contacts from ruling the network.
    weight = WEIGHT_PER_ROOT_CONTACT * sign * np.sqrt([int(row["count"]) for row in contacts])
    touch, command = np.isin(label, TOUCH), np.isin(kind, COMMAND)
    groups = {
        "touch_receptors": touch,
        "other_sensory": (role == "sensory") & ~touch,
        "command_interneurons": command,
        "other_interneurons": (role == "interneuron") & ~command,
        "motor_neurons": role == "motor",
    }
    network = psn.Network.from_edges(pre=pre, post=post, weight=weight, n=label.size, labels=label, groups=groups)
    return network, kind, role


def spoken(name: str) -> str:
    return name.replace("_", " ")


def main(output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    network, kind, role = connectome()
    model = psn.BernoulliGLM(theta=6.5)
    touch = psn.RegularStimulus(strength=6.0, period=PERIOD, duration=PULSE, start=ONSET, targets="touch_receptors")

    clock = [time.perf_counter()]
    engine = psn.info()  # starts Julia
    clock.append(time.perf_counter())
    psn.simulate(model, network, duration=1, stimulus=touch)  # compiles
    clock.append(time.perf_counter())
    ds = psn.simulate(model, network, duration=10_000, stimulus=touch, trials=20, equilibration=500, seed=1)
    clock.append(time.perf_counter())
    start, compilation, simulation = np.diff(clock)

    # Rate of every neuron during and outside touch, and its course around the touches, mean over trials [Hz].
    bin = 10.0
    counts = ds.spk.counts(bin).mean("trial")
    rate = counts.values * (1000 / bin)
    phase = (counts.time.values - bin - ONSET) % PERIOD
    on = (phase < PULSE) & (counts.time.values > ONSET)
    during, outside = rate[on].mean(axis=0), rate[~on].mean(axis=0)
    course = {t: rate[(phase == t) & (counts.time.values > ONSET - 200)].mean(axis=0) for t in np.unique(phase)}

    events = int(network.out_degree()[ds.spike_neuron.values].sum())
    print(f"C. elegans: {network.n} neurons, {network.n_synapses} synapses, {ds.sizes['trial']} trials of 10 s")
    print(
        f"  {ds.sizes['spike']:,} spikes, {events:,} synaptic events, {events / simulation:.3g} per second of compute"
    )
    print(f"  first result after {clock[-1] - clock[0]:.2f} s: {start:.2f} s to start Julia {engine['julia_version']},")
    print(f"  {compilation:.2f} s to compile, {simulation:.2f} s to simulate ({engine['threads']} threads)\n")
    print(f"{'mean rate (Hz)':<28}{'neurons':>8}{'touch':>9}{'no touch':>10}{'ratio':>8}")
    rows = {f"all {name}": role == name for name in ("sensory", "interneuron", "motor")}
    rows |= {spoken(name): ds[f"group_{name}"].values for name in ("touch_receptors", "command_interneurons")}
    classes = {name: kind == name for name in np.unique(kind) if not (kind == name)[ds["group_touch_receptors"]].any()}
    response = {name: (during - outside)[who].mean() for name, who in classes.items()}
    best = sorted(response, key=response.__getitem__, reverse=True)[:12]
    for name, who in {**rows, "most responsive classes": None, **{f"  {x}": classes[x] for x in best}}.items():
        if who is None:
            print(name)
            continue
        a, b = during[who].mean(), outside[who].mean()
        print(f"{name:<28}{who.sum():>8}{a:>9.1f}{b:>10.1f}{a / b:>8.1f}")

    draw_raster(ds, during - outside, output / "celegans_raster.png")
    draw_rates(ds, kind, course, {x: classes[x] for x in best}, during, outside, output / "celegans_rates.png")
    psn.save(ds, output / "celegans.nc")
    print(f"\nWritten to {output}: celegans_raster.png, celegans_rates.png, celegans.nc")


def draw_raster(ds, response, path: Path) -> None:
    """Spikes of one trial, neurons sorted by group and response, over the mean rate of each group."""
    figure = Figure(figsize=(11, 8), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    members = {name: np.flatnonzero(ds[f"group_{name}"].values) for name in reversed(COLORS)}
    order = np.concatenate([who[np.argsort(response[who])] for who in members.values()])
    color = np.repeat([COLORS[name] for name in members], [len(who) for who in members.values()])
    # The two small groups get higher rows.
    height = np.repeat([4.0 if len(who) < 10 else 1.0 for who in members.values()], [*map(len, members.values())])
    ends = np.cumsum(height)
    trains = ds.spk.trains(trial=0)
    top.eventplot(
        [trains[k] for k in order], lineoffsets=ends - height / 2, linelengths=height, linewidths=1.2, colors=color
    )
    edges = np.array([0.0, *ends[np.cumsum([*map(len, members.values())]) - 1]])
    for edge in edges[1:-1]:
        top.axhline(edge, color="#999999", linewidth=0.6, zorder=0)
    names = [f"{spoken(name)}\n({len(who)})" for name, who in members.items()]
    top.set_yticks((edges[1:] + edges[:-1]) / 2, names)
    for tick, name in zip(top.get_yticklabels(), members, strict=True):
        tick.set_color(COLORS[name])
    top.tick_params(axis="y", length=0)
    top.set(ylim=(0, ends[-1]))
    top.set_title("C. elegans connectome, one trial: neurons by group, sorted by response to touch", pad=22)
    top.spines[["top", "right"]].set_visible(False)
    for name in COLORS:
        values = ds.spk.psth(20.0, name)
        bottom.plot(values.time - 10, values, color=COLORS[name], linewidth=1.3)
    bottom.set(xlabel="time (ms)", ylabel="mean rate (Hz)", ylim=(0, None), xlim=(0, 5000))
    bottom.set_title("mean over 20 trials, bins of 20 ms", fontsize=10)
    bottom.spines[["top", "right"]].set_visible(False)
    for ax in (top, bottom):
        for begin in np.arange(ONSET, 5000, PERIOD):
            ax.axvspan(begin, begin + PULSE, color="#f4d9c6", alpha=0.6, linewidth=0, zorder=-1)
    for begin in np.arange(ONSET, 5000, PERIOD):
        place = {"transform": top.get_xaxis_transform(), "ha": "center", "va": "bottom"}
        top.text(begin + PULSE / 2, 1.005, "touch", color="#b0662f", **place)
    figure.savefig(path, dpi=150)


def draw_rates(ds, kind, course, classes, during, outside, path: Path) -> None:
    """Course of the rates around a touch, and rates of the most responsive classes during and outside touch."""
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
    time_of = np.array(list(course))
    shifted = np.where(time_of >= PERIOD - 200, time_of - PERIOD, time_of)
    sorting = np.argsort(shifted)[: int(np.sum(shifted < 600))]
    values = np.array(list(course.values()))[sorting]
    edges = np.append(shifted[sorting], 600.0)
    for name, color in LINES.items():
        who = kind == name if name in COMMAND else ds[f"group_{name}"].values
        left.stairs(
            values[:, who].mean(axis=1), edges, color=color, label=f"{spoken(name)} ({who.sum()})", linewidth=1.6
        )
    left.axvspan(0, PULSE, color="#f4d9c6", alpha=0.6, linewidth=0, zorder=-1)
    left.text(PULSE / 2, 0.99, "touch", transform=left.get_xaxis_transform(), ha="center", va="top", color="#b0662f")
    left.set(xlabel="time after begin of touch (ms)", ylabel="rate (Hz)", xlim=(-200, 600), ylim=(0, None))
    left.set_title("around a touch: mean over 200 touches, bins of 10 ms", fontsize=11)
    left.legend(frameon=False, title="class or group (neurons)", loc="upper right")
    names = list(reversed(classes))
    for y, name in enumerate(names):
        a, b = during[classes[name]].mean(), outside[classes[name]].mean()
        right.plot([b, a], [y, y], color="#cccccc", linewidth=3, zorder=0, solid_capstyle="round")
        right.plot(b, y, "o", color="#7f8c8d", label="no touch" if y == 0 else None)
        right.plot(a, y, "o", color="#c0392b", label="touch" if y == 0 else None)
    right.set_yticks(range(len(names)), names)
    right.set(xlabel="mean rate (Hz)", xlim=(0, None))
    right.set_title("most responsive classes beside the touch receptors", fontsize=11)
    right.legend(frameon=False, loc="lower right")
    for ax in (left, right):
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "output")
