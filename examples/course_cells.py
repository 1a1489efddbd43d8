"""Norse's first lessons with cells in discrete time: filters, time constants, spikes, and the time surface of events.

One learns to send any input through unconnected cells with `psn.lift`, to compare parameters by giving one per neuron,
to look at potentials and thresholds, and to go on step by step with `psn.step`.

    python examples/course_cells.py [OUTPUT_FOLDER]
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import pyspikenet as psn

COLORS = psn.plot.COLORS
WIDTH, HEIGHT = 64, 40  # pixels of the event camera
SPEED = 0.25  # pixels per ms


def filters(time: np.ndarray, sine: np.ndarray, ax: Axes) -> None:
    """Task 1: a sine through leaky integrators, with a synaptic current (LI) and without (LIBox)."""
    ax.plot(time, sine, color="#999999", label="input x")
    for cell, color in ((psn.LIBox(), COLORS[0]), (psn.LI(), COLORS[1])):
        potential = psn.lift(cell, sine[:, None], record="v").recorded["v"][:, 0]
        name = type(cell).__name__
        ax.plot(time, potential, color=color, label=f"v of {name}")
        settled = slice(len(time) // 2, None)
        gain = np.ptp(potential[settled]) / np.ptp(sine[settled])
        lag = (np.argmax(potential[settled][:100]) - np.argmax(sine[settled][:100])) % 100
        print(f"{name:<6} passes a sine of 10 Hz with gain {gain:.3f} and lag {lag:.0f} ms")
    ax.set(title="1. A sine of 10 Hz through leaky integrators", ylabel="input, potential (1)")


def time_constants(time: np.ndarray, sine: np.ndarray, ax: Axes) -> None:
    """Task 2: one LIBox cell per time constant, all in one call."""
    tau = np.array([2.0, 5.0, 10.0, 20.0, 50.0])  # ms
    cells = psn.LIBox(tau_mem_inv=1000 / tau)
    potential = psn.lift(cells, np.repeat(sine[:, None], tau.size, axis=1), record="v").recorded["v"]
    gains = np.ptp(potential[len(time) // 2 :], axis=0) / np.ptp(sine)
    print("gain by time constant: " + ", ".join(f"{t:g} ms {g:.3f}" for t, g in zip(tau, gains, strict=True)))
    shades = colormaps["plasma"](np.linspace(0.0, 0.85, tau.size))
    ax.plot(time, sine, color="#999999", label="input x")
    for k in range(tau.size):
        ax.plot(time, potential[:, k], color=shades[k], label=f"time constant {tau[k]:g} ms")
    ax.set(title="2. The slower a cell, the smoother its potential", xlabel="time (ms)", ylabel="input, potential (1)")


def spikes_and_thresholds(time: np.ndarray, axes: np.ndarray) -> None:
    """Task 3: the same input, three thresholds; and a threshold that adapts."""
    x = 0.35 * (1 + np.sin(2 * np.pi * time / 100))
    levels = [0.5, 1.0, 1.5]
    runs = [(f"LIFCurrent, v_th = {th}", psn.LIFCurrent(v_th=th)) for th in levels]
    # Spikes raise its threshold by 0.3, and it comes back with a time constant of 50 ms.
    runs.append(("LSNN, adaptive threshold b", psn.LSNN(v_th=0.5, beta=0.3, tau_adapt_inv=20.0)))
    for (title, cell), ax in zip(runs, axes, strict=True):
        record = ["v", "b"] if isinstance(cell, psn.LSNN) else ["v"]
        spikes, _, recorded = psn.lift(cell, x[:, None], record=record)
        threshold = recorded["b"][:, 0] if "b" in recorded else np.full(time.size, cell.v_th)
        fired = time[spikes[:, 0]]
        ax.plot(time, recorded["v"][:, 0], color=COLORS[0], linewidth=1, label="potential v")
        ax.plot(time, threshold, color=COLORS[1], linestyle="--", linewidth=1, label="threshold")
        ax.plot(fired, np.full(fired.size, 2.3), "|", color="black", markersize=8, label="spikes")
        ax.set(title=f"{title}: {fired.size} spikes", ylabel="potential (1)", ylim=(-0.05, 2.45))
        print(f"{title}: {fired.size} spikes in {time[-1]:.0f} ms")
    axes[-1].set(xlabel="time (ms)")


def moving_bar(rng: np.random.Generator, n_steps: int) -> np.ndarray:
    """Events of a bar that moves to the right, as (time, polarity, pixel): on where it arrives, off where it leaves."""
    events = np.zeros((n_steps, 2, HEIGHT, WIDTH))
    rows, columns = np.meshgrid(np.arange(8, 32), np.arange(WIDTH), indexing="ij")
    for polarity, behind in ((0, 0), (1, 8)):  # the bar is 8 pixels wide
        when = np.rint((columns + behind) / SPEED + rng.uniform(0, 2, columns.shape)).astype(int)
        seen = when < n_steps
        events[when[seen], polarity, rows[seen], columns[seen]] = 1
    events[rng.random(events.shape) < 2e-4] = 1  # a camera is never silent
    return events.reshape(n_steps, 2, HEIGHT * WIDTH)


def time_surface(figure: Figure) -> None:
    """Task 4: one cell per pixel forgets events slowly, so that its potential tells how long ago the last one was."""
    n_steps = 240
    events = moving_bar(np.random.default_rng(0), n_steps)
    times, polarity, pixel = np.nonzero(events)
    print(f"{times.size} events of {WIDTH} x {HEIGHT} pixels in {n_steps} ms")

    cells = {"LIBox": psn.LIBox(tau_mem_inv=20.0), "LI": psn.LI(tau_mem_inv=20.0)}
    shown = [80, 160, 239]  # ms
    grid = figure.add_gridspec(2, 4, width_ratios=[1.15, 1, 1, 1])
    ax = figure.add_subplot(grid[:, 0])
    for k, name in enumerate(("on", "off")):
        chosen = polarity == k
        ax.plot(pixel[chosen] % WIDTH, times[chosen] + 1, ".", color=COLORS[k], markersize=1.5, label=f"{name} events")
    ax.set(title="events of all rows", xlabel="x (pixels)", ylabel="time (ms)", ylim=(n_steps, 0), xlim=(0, WIDTH))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2, markerscale=6, frameon=False)
    for row, (name, cell) in enumerate(cells.items()):
        potential = psn.lift(cell, events, record="v").recorded["v"][:, 0].reshape(n_steps, HEIGHT, WIDTH)
        panels = [figure.add_subplot(grid[row, 1 + k]) for k in range(len(shown))]
        for panel, t in zip(panels, shown, strict=True):
            image = panel.imshow(potential[t - 1], cmap="magma", vmin=0, vmax=potential.max(), aspect="equal")
            panel.set(title=f"{name}, t = {t} ms", xlabel="x (pixels)" if row else "")
        panels[0].set(ylabel="y (pixels)")
        figure.colorbar(image, ax=panels, label="potential (1)", shrink=0.85)
        if name == "LIBox":
            # Behind the edge v falls by a factor of e every tau * SPEED pixels: the surface knows how fast the bar is.
            edge = int(SPEED * shown[1]) - 2
            profile = np.log(np.median(potential[shown[1] - 1, 10:30, :edge], axis=0))
            slope = np.polyfit(np.arange(edge), profile, 1)[0]
            decay = -1 / np.log1p(-cell.tau_mem_inv / 1000)
            print(f"speed of the bar from the surface of LIBox: {1 / (decay * slope):.3f} pixels/ms, true: {SPEED}")

    # The same one step at a time, as events come in.
    state, spikes = None, None
    for frame in events:
        spikes, state = psn.step(cells["LI"], frame, state)
    same = np.array_equal(state["v"][0].reshape(HEIGHT, WIDTH), potential[-1])
    print(f"event by event: {'the same' if same else 'another'} surface, {int(spikes.sum())} spikes")


def main(output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    time = np.arange(1, 401.0)  # ms
    sine = np.sin(2 * np.pi * time / 100)

    figure = Figure(figsize=(9, 7), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    filters(time, sine, above)
    time_constants(time, sine, below)
    for ax in (above, below):
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(output / "course_filters.png", dpi=150)

    figure = Figure(figsize=(9, 9), layout="constrained")
    axes = figure.subplots(4, 1, sharex=True)
    spikes_and_thresholds(time, axes)
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    figure.suptitle("3. Spikes and their thresholds")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(output / "course_spikes.png", dpi=150)

    figure = Figure(figsize=(13, 5.5), layout="constrained")
    time_surface(figure)
    figure.suptitle("4. Time surface of a moving bar: on events through one cell per pixel")
    figure.savefig(output / "course_time_surface.png", dpi=150)
    print(f"written to {output}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "output")
