"""Pictures of membrane models: traces, phase plane, f-I curve, distribution of weights. Used through ``plot.py``."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray
from numpy.typing import NDArray

from . import analysis, excitability
from .axes import COLORS, new_axes, tidy, with_unit
from .models.membrane import MembraneModel
from .network import Network
from .parameters import number, shown, whole_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LEGENDS = 12
MOST_ROWS_WITH_TICKS = 20


def traces(
    dataset: xarray.Dataset,
    variable: str = "v",
    *,
    neurons: Any = None,
    trial: int | None = None,
    peak: float | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """A recorded variable over time with the spikes: one neuron on its scale, several above each other.

    Parameters
    ----------
    dataset : xarray.Dataset
        Dataset of a run with ``record=variable``.
    variable : str, default "v"
        Name of the variable.
    neurons : str or array_like, optional
        A group name, labels, a boolean mask or positions; default all that were recorded.
    trial : int, optional
        Number of the trial; default the first.
    peak : float, optional
        Value up to which every spike is drawn, such as 20 mV: a threshold model has none of its own. Default: a tick
        above the trace.
    ax : matplotlib Axes, optional
        Where to draw; default a new figure.
    """
    values, chosen = _recorded(dataset, variable, neurons, trial)
    time, unit = dataset.time.values, dataset[variable].attrs.get("units")
    spikes = [analysis.trains(dataset, trial)[k] for k in chosen]
    spikes = [x[(x >= time[0] - dataset.spk.dt / 2) & (x <= time[-1])] for x in spikes]
    rows, top = values.shape[1], None if peak is None else number("peak", peak)
    highest = values.max() if top is None else max(top, values.max())
    height = max(float(highest - values.min()), 1e-12) * (1.25 if top is None else 1.1)
    ax = new_axes(ax, (8, float(np.clip(1.5 + 0.45 * rows, 3.0, 12.0))))
    width = 1.0 if rows <= MOST_ROWS_WITH_TICKS else 0.5
    for row in range(rows):
        base = row * height if rows > 1 else 0.0
        color = COLORS[row % len(COLORS)]
        ax.plot(time, values[:, row] + base, color=color, linewidth=width)
        if top is None:
            length = 0.08 * height
            low = np.full(spikes[row].size, values[:, row].max() + base + 0.04 * height)
            high = low + length
        else:
            before = np.clip(np.searchsorted(time, spikes[row] - dataset.spk.dt / 2) - 1, 0, time.size - 1)
            low, high = values[before, row] + base, np.full(spikes[row].size, top + base)
        ax.vlines(spikes[row], low, high, color=color, linewidth=width)
    ax.set(xlabel="time (ms)", xlim=(dataset.spk.t_start, dataset.spk.t_stop))
    if rows == 1:
        ax.set_ylabel(with_unit(variable, unit))
        ax.set_title(f"neuron {dataset.neuron.values[chosen[0]]}", fontsize="medium")
        return tidy(ax)
    # Several traces have no common zero: rows are named, and a bar gives the scale.
    every = -(-rows // MOST_ROWS_WITH_TICKS)
    ax.set_yticks(
        values[0, ::every] + height * np.arange(0, rows, every),
        [str(x) for x in dataset.neuron.values[chosen[::every]]],
    )
    ax.set(ylabel="neuron", ylim=(values.min() - 0.1 * height, values.min() + (rows + 0.1) * height))
    _scale_bar(ax, height, float(values.min()), with_unit(variable, unit), unit)
    return tidy(ax)


def _scale_bar(ax: "Axes", height: float, low: float, label: str, unit: str | None) -> None:
    """A bar beside the right end whose length is written beside it."""
    size = 10.0 ** np.floor(np.log10(height))
    length = max(factor * size for factor in (1, 2, 5) if factor * size <= height)
    place = ax.get_yaxis_transform()
    ax.plot([1.015, 1.015], [low, low + length], color="#333333", linewidth=2, transform=place, clip_on=False)
    text = f"{label.split(' (')[0]}: {length:g}" + ("" if unit in (None, "1") else f" {unit}")
    ax.text(1.025, low, text, transform=place, rotation=90, va="bottom", ha="left", fontsize="small")


def _recorded(
    dataset: xarray.Dataset, variable: str, neurons: Any, trial: int | None
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The values (time, neuron) of the chosen neurons in one trial, and the positions of these neurons."""
    of_neurons = {("trial", "time", "neuron"), ("trial", "time", "recorded_neuron")}
    known = [str(name) for name, x in dataset.data_vars.items() if x.dims in of_neurons]
    if variable not in known:
        raise ValueError(
            f"variable must be one that was recorded ({', '.join(known) or 'none'}), got {shown(variable)}"
        )
    if dataset.sizes["time"] < 2:
        raise ValueError(f"dataset must hold at least two samples of {variable}, got {dataset.sizes['time']}")
    ids = dataset.trial.values
    number_of_trial = ids[0] if trial is None else trial
    if number_of_trial not in ids:
        raise ValueError(f"trial must be one of {ids.tolist()}, got {trial!r}")
    values = dataset[variable].values[np.flatnonzero(ids == number_of_trial)[0]]
    there = np.arange(dataset.sizes["neuron"])
    if "recorded_neuron" in dataset[variable].dims:
        there = np.flatnonzero(np.isin(dataset.neuron.values, dataset.recorded_neuron.values))
    chosen = there if neurons is None else analysis._positions(dataset, neurons)
    missing = chosen[~np.isin(chosen, there)]
    if missing.size:
        raise ValueError(
            f"neurons must be among the {there.size} whose {variable} was recorded, got"
            f" {dataset.neuron.values[missing[0]].item()!r}"
        )
    return values[:, np.searchsorted(there, chosen)], chosen


def phase_plane(
    model: MembraneModel,
    *,
    xlim: tuple[float, float],
    ylim: tuple[float, float],
    current: float = 0.0,
    variables: tuple[str, str] | None = None,
    dataset: xarray.Dataset | None = None,
    neuron: int = 0,
    trial: int | None = None,
    arrows: int = 20,
    ax: "Axes | None" = None,
) -> "Axes":
    """The plane of two state variables: where each stands still, which way they go, and a trajectory.

    Parameters
    ----------
    model : MembraneModel
        The neuron, with one number for each parameter.
    xlim, ylim : tuple of two float
        Range of the two variables.
    current : float, default 0.0
        Constant current, in the unit of the model's.
    variables : tuple of two str, optional
        Names of the two variables; default the first two of the model.
    dataset : xarray.Dataset, optional
        Dataset of a run that recorded both variables, of which a trajectory is drawn.
    neuron : int, default 0
        Position of the neuron whose trajectory it is.
    trial : int, optional
        Number of the trial; default the first.
    arrows : int, default 20
        Number of arrows in each direction; 0 for none. They show the direction only.
    ax : matplotlib Axes, optional
        Where to draw; default a new figure.
    """
    ranges = []
    for name, limits in (("xlim", xlim), ("ylim", ylim)):
        if not isinstance(limits, tuple | list) or len(limits) != 2:
            raise ValueError(f"{name} must be two numbers, got {shown(limits)}")
        low, high = number(name, limits[0]), number(name, limits[1])
        if low >= high:
            raise ValueError(f"{name} must rise, got {limits}")
        ranges.append((low, high))
    names = excitability.plane_variables(model, variables)
    n_arrows = whole_number("arrows", arrows)
    fine = excitability.vector_field(
        model, np.linspace(*ranges[0], 300), np.linspace(*ranges[1], 200), current=current, variables=names
    )
    ax = new_axes(ax, (6, 4.5))
    if n_arrows:
        _draw_arrows(ax, model, ranges, n_arrows, current, names)
    for name, color in zip(names, COLORS, strict=False):
        rate = fine[f"d{name}_dt"].values
        if np.nanmin(rate) < 0 < np.nanmax(rate):  # else it stands still nowhere here
            ax.contour(fine[names[0]].values, fine[names[1]].values, rate, [0.0], colors=color, linewidths=1.8)
            ax.plot([], [], color=color, linewidth=1.8, label=f"d{name}/dt = 0")
    if dataset is not None:
        _draw_trajectory(ax, dataset, names, neuron, trial)
    state = model.state()
    ax.set(xlim=ranges[0], ylim=ranges[1])
    ax.set(xlabel=with_unit(names[0], state[names[0]]["units"]), ylabel=with_unit(names[1], state[names[1]]["units"]))
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    return tidy(ax)


def _draw_arrows(ax: "Axes", model: MembraneModel, ranges: Any, n: int, current: float, names: Any) -> None:
    x, y = (np.linspace(low, high, n + 2)[1:-1] for low, high in ranges)
    coarse = excitability.vector_field(model, x, y, current=current, variables=names)
    # Directions as they look in the picture: rates in units of the ranges, all of one length.
    u, v = (coarse[f"d{name}_dt"].values / (high - low) for name, (low, high) in zip(names, ranges, strict=True))
    size = np.hypot(u, v)
    size[size == 0] = 1.0
    ax.quiver(x, y, u / size, v / size, color="#b0b0b0", angles="xy", pivot="mid", scale=1.6 * n, width=0.0025)


def _draw_trajectory(ax: "Axes", dataset: xarray.Dataset, names: Any, neuron: int, trial: int | None) -> None:
    (x, chosen), (y, _) = (_recorded(dataset, name, [neuron], trial) for name in names)
    path = np.column_stack([x[:, 0], y[:, 0]])
    spikes = analysis.trains(dataset, trial)[chosen[0]]
    # A reset is a jump: the line is broken there.
    cuts = np.unique(np.searchsorted(dataset.time.values, spikes - dataset.spk.dt / 2))
    broken = np.insert(path, cuts[cuts < len(path)], np.nan, axis=0)
    ax.plot(broken[:, 0], broken[:, 1], color="#333333", linewidth=1.0, label="trajectory")
    after = path[cuts[cuts < len(path)]]
    if len(after):
        ax.plot(after[:, 0], after[:, 1], "s", color="#333333", markersize=4, label="after a reset")


def fi_curve(curve: xarray.DataArray, *, label: str | None = None, ax: "Axes | None" = None) -> "Axes":
    """Rate over current, as :func:`pyspikenet.analysis.fi_curve` computed it.

    Parameters
    ----------
    curve : xarray.DataArray
        Rates along the dimension ``current``.
    label : str, optional
        Name of the curve in a legend, where several are drawn on the same Axes.
    ax : matplotlib Axes, optional
        Where to draw; default a new figure.
    """
    if not isinstance(curve, xarray.DataArray) or curve.dims != ("current",):
        raise TypeError(f"curve must be what analysis.fi_curve returns, got {shown(curve)}")
    ax = new_axes(ax, (5, 3.5))
    order = np.argsort(curve.current.values)
    marker = "o" if curve.size <= 40 else ""
    ax.plot(curve.current.values[order], curve.values[order], marker=marker, markersize=3.5, label=label)
    ax.set(xlabel=with_unit("current", curve.current.attrs.get("units")), ylabel=with_unit("rate", "Hz"))
    ax.set_ylim(bottom=0)
    if label is not None:
        ax.legend(frameon=False)
    return tidy(ax)


def weights_distribution(
    synapses: Network | xarray.Dataset, *, bins: int = 40, units: str | None = None, ax: "Axes | None" = None
) -> "Axes":
    """A histogram of weights: of a network by receptor or sign, or the final ones of a run with plasticity.

    Parameters
    ----------
    synapses : Network or xarray.Dataset
        The network, or a dataset with the variable ``final_weight``.
    bins : int, default 40
        Number of bars.
    units : str, optional
        Unit of the weights, for the label of the axis: a network knows none, it is the model's.
    ax : matplotlib Axes, optional
        Where to draw; default a new figure.
    """
    count = whole_number("bins", bins, 1)
    parts, unit = _parts_of(synapses)
    values = np.concatenate([np.empty(0), *parts.values()])
    if not values.size:
        raise ValueError(f"synapses must have at least one synapse, got {shown(synapses)}")
    ax = new_axes(ax, (5, 3.5))
    edges = np.histogram_bin_edges(values, bins=count).tolist()
    colors = [COLORS[k % len(COLORS)] for k in range(len(parts))]
    labels = [f"{name} ({part.size})" for name, part in parts.items()]
    ax.hist(list(parts.values()), edges, stacked=True, label=labels, color=colors)
    ax.set(xlabel=with_unit("weight", units if units is not None else unit), ylabel="synapses")
    ax.legend(frameon=False)
    return tidy(ax)


def _parts_of(synapses: Any) -> tuple[dict[str, NDArray[Any]], str | None]:
    """Weights by the name under which they are drawn, and their unit where it is known."""
    if isinstance(synapses, Network):
        weight = synapses.weight
        if synapses.receptor is not None:
            return {name: weight[synapses.receptor == k] for k, name in enumerate(synapses.receptors)}, None
        signs = {"positive": weight[weight > 0], "zero": weight[weight == 0], "negative": weight[weight < 0]}
        return {name: part for name, part in signs.items() if part.size}, None
    if not isinstance(synapses, xarray.Dataset):
        raise TypeError(f"synapses must be a Network or an xarray.Dataset, got {shown(synapses)}")
    if "final_weight" not in synapses:
        raise ValueError(
            "synapses must hold final_weight, which a run with plasticity returns, got a dataset with variables"
            f" {[str(name) for name in synapses.data_vars]}"
        )
    return {"final": synapses.final_weight.values.ravel()}, synapses.final_weight.attrs.get("units")
