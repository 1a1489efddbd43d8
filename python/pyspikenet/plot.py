"""Pictures of spike trains and networks with matplotlib; each function returns the Axes it drew on."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray

from . import analysis
from .axes import COLORS, groups_of, new_axes, tidy
from .plot_membrane import fi_curve, phase_plane, traces, weights_distribution

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .network import Network


def raster(
    dataset: xarray.Dataset,
    *,
    trial: int | None = None,
    color_by: dict[str, Any] | None = None,
    order: Any = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """A dot for every spike of one trial.

    Parameters
    ----------
    dataset : xarray.Dataset
        Dataset of spikes.
    trial : int, optional
        Number of the trial; default the first.
    color_by : dict of str to boolean mask or positions, optional
        Neurons to draw in one colour each, with a legend; default the groups of the network.
    order : array_like of int, optional
        Neurons from bottom to top; default as they are. Only these are drawn.
    ax : matplotlib Axes, optional
        Where to draw; default a new figure.
    """
    ax = new_axes(ax, (8, 4.5))
    trains = analysis.trains(dataset, trial)
    shown = np.arange(len(trains)) if order is None else np.asarray(order)
    color = np.full(len(trains), "#333333", dtype=object)
    groups = groups_of(dataset) if color_by is None else color_by
    for (name, who), c in zip(groups.items(), COLORS * (1 + len(groups) // len(COLORS)), strict=False):
        color[np.asarray(who)] = c
        ax.plot([], [], "s", color=c, markersize=5, label=name)
    size = float(np.clip(400 / max(len(shown), 1), 1.0, 7.0))
    for c in dict.fromkeys(color[shown]):
        mine = [k for k, neuron in enumerate(shown) if color[neuron] == c]
        times = np.concatenate([np.empty(0), *(trains[shown[k]] for k in mine)])
        rows = np.repeat(mine, [trains[shown[k]].size for k in mine])
        ax.plot(times, rows, "|", color=c, markersize=size, markeredgewidth=0.7)
    ax.set(xlabel="time (ms)", ylabel="neuron", ylim=(-1, max(len(shown), 1)))
    ax.set_xlim(dataset.spk.t_start, dataset.spk.t_stop)
    if groups:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    return tidy(ax)


def rates(dataset: xarray.Dataset, *, bins: int = 30, ax: "Axes | None" = None) -> "Axes":
    """A histogram of the mean rates of the neurons, over trials, with a line at their mean.

    Parameters
    ----------
    dataset : xarray.Dataset
        Dataset of spikes.
    bins : int, default 30
        Number of bars.
    ax : matplotlib Axes, optional
        Where to draw; default a new figure.
    """
    ax = new_axes(ax, (5, 3.5))
    values = analysis.rates(dataset).mean("trial")
    edges = np.histogram_bin_edges(values, bins=bins).tolist()
    groups = groups_of(dataset)
    if groups:
        parts = [values.values[np.asarray(who)] for who in groups.values()]
        ax.hist(
            parts, edges, stacked=True, label=list(groups), color=[COLORS[k % len(COLORS)] for k in range(len(parts))]
        )
    else:
        ax.hist(values, edges, color=COLORS[0])
    mean = float(values.mean())
    ax.axvline(mean, color="#333333", linestyle="--", linewidth=1, label=f"mean {mean:.2f} Hz")
    ax.legend(frameon=False)
    ax.set(xlabel="rate (Hz)", ylabel="neurons")
    return tidy(ax)


def psth(dataset: xarray.Dataset, bin: float, *, neurons: Any = None, ax: "Axes | None" = None) -> "Axes":
    """Rate over time in bins of `bin` ms, mean over trials and neurons: one line per group, or of chosen `neurons`.

    Parameters
    ----------
    dataset : xarray.Dataset
        Dataset of spikes.
    bin : float
        Length of a bin [ms], a multiple of dt.
    neurons : str or array_like, optional
        A group name, a boolean mask or positions; default all.
    ax : matplotlib Axes, optional
        Where to draw; default a new figure.
    """
    ax = new_axes(ax, (7, 3.5))
    groups = groups_of(dataset) if neurons is None else {}
    chosen = list(groups.items()) or [("", neurons)]
    for (name, who), color in zip(chosen, COLORS * (1 + len(chosen) // len(COLORS)), strict=False):
        values = analysis.psth(dataset, bin, who)
        edges = np.append(values.time.values - bin, values.time.values[-1:])
        ax.stairs(values.values, edges, color=color, label=name or None, linewidth=1.4)
    if groups:
        ax.legend(frameon=False)
    ax.set(xlabel="time (ms)", ylabel="rate (Hz)", ylim=(0, None), xlim=(dataset.spk.t_start, dataset.spk.t_stop))
    return tidy(ax)


def weights(network: "Network", *, ax: "Axes | None" = None) -> "Axes":
    """The matrix of weights, presynaptic neurons in rows; blue excites, red inhibits.

    Parameters
    ----------
    network : Network
        The network, of at most 4000 neurons.
    ax : matplotlib Axes, optional
        Where to draw; default a new figure.
    """
    ax = new_axes(ax, (5.5, 4.5))
    if network.n > 4000:
        raise ValueError(f"network has {network.n} neurons, too many to draw as a matrix; the limit is 4000")
    matrix = network.to_dense()
    limit = float(np.quantile(np.abs(network.weight), 0.99)) if network.n_synapses else 1.0
    image = ax.imshow(matrix, cmap="RdBu", vmin=-limit, vmax=limit, interpolation="nearest", aspect="equal")
    ax.figure.colorbar(image, ax=ax, label="weight", shrink=0.9)
    ax.set(xlabel="postsynaptic neuron", ylabel="presynaptic neuron")
    return ax


__all__ = ["fi_curve", "phase_plane", "psth", "raster", "rates", "traces", "weights", "weights_distribution"]
