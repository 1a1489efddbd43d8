"""Figures of losses and of what neurons do: the target, and the networks that were fitted to it."""

from collections.abc import Sequence

import experiment as paper
import judging
import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import pyspikenet as psn

BLUE, RED, GREEN, VIOLET, ORANGE, *_ = psn.plot.COLORS
GREY = "#999999"
NEURONS = np.arange(1, paper.N + 1)
OPTIMISERS = {"sgd 0.01": GREEN, "sgd 0.05": VIOLET, "adam 0.05": BLUE}
MODELS = {"untrained": GREY, "fitted": BLUE, "linear model": ORANGE}


def example(found: xarray.Dataset) -> xarray.Dataset:
    """The fits of one configuration, of which single ones are shown."""
    name = str(paper.QUICK)
    return found.sel(configuration=name if name in found.configuration.values else found.configuration.values[0])


def panels(rows: int, columns: int, size: tuple[float, float]) -> tuple[Figure, np.ndarray]:
    """A figure and its axes."""
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def losses(found: xarray.Dataset) -> Figure:
    """Loss over the iterations by loss function and optimiser: medians of the fits; of the test, quartiles, too."""
    names = list(dict.fromkeys(found.loss_function.values))
    rows = -(-len(names) // 3)
    figure, axes = panels(rows, min(3, len(names)), (4.2 * min(3, len(names)) + 0.4, 3.2 * rows + 0.3))
    for ax, name in zip(axes.flat, names, strict=False):
        mine = found.isel(configuration=np.flatnonzero(found.loss_function.values == name))
        for k, optimiser in enumerate(mine.optimiser.values):
            one, color = mine.isel(configuration=k), OPTIMISERS[str(optimiser)]
            relative = one.test_loss / one.test_loss.isel(state=0)
            low, high = (relative.quantile(q, ("target", "fit")) for q in (0.25, 0.75))
            ax.fill_between(found.state, low, high, color=color, alpha=0.15, linewidth=0)
            ax.plot(found.state, relative.median(("target", "fit")), color=color)
            training = (one.training_loss / one.training_loss.isel(iteration=0)).median(("target", "fit"))
            ax.plot(found.iteration + 0.5, training, color=color, linestyle=":")
        ax.set(title=name, xlabel="iteration", ylabel="loss / loss at the begin")
        ax.set_ylim(0, min(2.0, ax.get_ylim()[1]))
        ax.axhline(1, color=GREY, linewidth=0.6)
    shown = [name for name in OPTIMISERS if name in found.optimiser.values]
    labels = {name: name.replace("sgd", "SGD").replace("adam", "Adam") for name in shown}
    handles = [axes[0, 0].plot([], [], color=OPTIMISERS[name], label=labels[name])[0] for name in shown]
    handles.append(axes[0, 0].plot([], [], color="#333333", label="test")[0])
    handles.append(axes[0, 0].plot([], [], color="#333333", linestyle=":", label="training")[0])
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
    return figure


def rasters(found: xarray.Dataset) -> Figure:
    """Spikes of a target, of a network before and after the fit, and of the linear model, with the same input."""
    one = example(found).isel(target=0, fit=0)
    seed, runs = paper.seed(int(one.target), "long"), {"target": one.target_raster.values}
    for name, state in (("untrained", 0), ("fitted", -1)):
        at = one.isel(state=state)
        own = psn.LIFGate(**{k: at[k].values for k in paper.NAMES})
        run = judging.simulate(own, psn.Network.from_dense(at.weight.values), float(at.rate), seed=seed)
        runs[name] = run.spk.raster().values[0]
    runs["linear model"] = one.glm_raster.values
    figure, axes = panels(4, 1, (9, 7.5))
    colors = np.array([BLUE, GREEN, RED])[paper.GROUP]
    for ax, (name, run) in zip(axes.flat, runs.items(), strict=True):
        step, neuron = np.nonzero(run)
        ax.scatter((step + 1) / 1000, neuron + 1, s=22, marker="|", color=colors[neuron])
        ax.set(title=f"{name}: {step.size / paper.N / paper.LONG * 1000:.1f} Hz", ylabel="neuron")
        ax.set(xlim=(0, paper.LONG / 1000), ylim=(paper.N + 0.7, 0.3), yticks=[1, 4, 8, 12])
    axes[-1, 0].set_xlabel("time (s)")
    return figure


def _beside_target(found: xarray.Dataset, variable: str, label: str, unit: str, top: float, log: bool) -> Figure:
    """Of all neurons, before and after the fit and of the linear model, over those of the target."""
    one = example(found)
    figure, axes = panels(1, 3, (11, 3.9))
    of_target = one[f"target_{variable}"]
    for ax, (name, color) in zip(axes.flat, MODELS.items(), strict=True):
        values = one[f"glm_{variable}"] if name == "linear model" else one[variable].sel(model=name)
        x, y = xarray.broadcast(of_target, values)
        both = np.isfinite(x.values) & np.isfinite(y.values)
        ax.scatter(x.values[both], y.values[both], s=14, color=color, alpha=0.6, linewidths=0)
        ax.plot([0, top], [0, top], color="#333333", linewidth=0.8)
        if log:
            ax.set(xscale="symlog", yscale="symlog")
            for axis in (ax.xaxis, ax.yaxis):
                axis.set_ticks([0, 1, 10, 100], ["0", "1", "10", "100"])
        difference, beyond = np.abs(x.values[both] - y.values[both]).mean(), int((y.values[both] > top).sum())
        hidden = f", {beyond} beyond" if beyond else ""
        ax.set_title(f"{name}: mean difference {difference:.2g}{' Hz' if unit else ''}{hidden}", fontsize=10)
        ax.set_xlabel(f"{label} of the target{unit}")
        ax.set(xlim=(-0.04 * top if not log else -0.2, top), ylim=(-0.04 * top if not log else -0.2, top))
        ax.set_ylabel(f"{label} of the {'network' if name != 'linear model' else name}{unit}")
    return figure


def rates(found: xarray.Dataset) -> Figure:
    """Rates of neurons."""
    return _beside_target(found, "firing_rate", "rate", " (Hz)", 300.0, True)


def regularity(found: xarray.Dataset) -> Figure:
    """Coefficients of variation of intervals of neurons, of those with three spikes or more in both."""
    return _beside_target(found, "cv", "CV of intervals", "", 2.5, False)


def _before_and_after(found: xarray.Dataset, values: xarray.DataArray, linear: xarray.DataArray, label: str) -> Figure:
    names = [str(name) for name in found.configuration.values]
    figure, axes = panels(1, 1, (8.5, 1.4 + 0.36 * len(names)))
    ax: Axes = axes[0, 0]
    for k, name in enumerate(names):
        for model, shift in (("untrained", 0.17), ("fitted", -0.17)):
            points = values.sel(configuration=name, model=model).values.ravel()
            ax.scatter(points, np.full(points.size, k + shift), s=12, color=MODELS[model], alpha=0.5, linewidths=0)
            ax.plot([points.mean()] * 2, [k + shift - 0.15, k + shift + 0.15], color=MODELS[model], linewidth=2.5)
    ax.axvline(float(linear.mean()), color=ORANGE, linestyle="--", linewidth=1.2)
    ax.set(yticks=range(len(names)), yticklabels=names, xlabel=label, ylim=(len(names) - 0.4, -0.6))
    handles = [
        ax.scatter([], [], color=GREY, label="untrained"),
        ax.scatter([], [], color=BLUE, label="fitted"),
        ax.plot([], [], color=ORANGE, linestyle="--", label="linear model")[0],
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)
    return figure


def matched_correlation(found: xarray.Dataset) -> Figure:
    """Correlation of neurons with their targets, before and after, by configuration."""
    label = "mean correlation of a neuron with its target, counts of 20 ms"
    return _before_and_after(found, found.matched_correlation, found.glm_matched_correlation, label)


def similarity(found: xarray.Dataset) -> Figure:
    """Similarity of modules to those of the target, before and after, by configuration."""
    values, linear = found.geodesic_similarity.mean("module"), found.glm_geodesic_similarity.mean("module")
    return _before_and_after(found, values, linear, "geodesic similarity of matched modules, mean of three")


def _images(
    figure: Figure, axes: Sequence[Axes], matrices: dict[str, np.ndarray], label: str, **limits: object
) -> None:
    for ax, (name, matrix) in zip(axes, matrices.items(), strict=True):
        image = ax.imshow(matrix, interpolation="nearest", aspect="auto", **limits)
        ax.set_title(name)
        ax.spines[["top", "right"]].set_visible(True)
    figure.colorbar(image, ax=list(axes), label=label, shrink=0.9)


def correlation_matrices(found: xarray.Dataset) -> Figure:
    """Correlation between neurons of a target and of networks, of one fit."""
    one = example(found).isel(target=0, fit=0)
    matrices = {name: one.correlation.sel(model=name).values for name in ("untrained", "fitted")}
    matrices["linear model"] = one.glm_correlation.values
    figure, axes = panels(1, 3, (11, 3.6))
    limits = {"cmap": "RdBu_r", "vmin": -1, "vmax": 1, "extent": (0.5, paper.N + 0.5, paper.N + 0.5, 0.5)}
    _images(figure, axes[0], matrices, "correlation, counts of 20 ms", **limits)
    for ax in axes[0]:
        ax.set(
            xlabel="neuron of the network", ylabel="neuron of the target", xticks=[1, 4, 8, 12], yticks=[1, 4, 8, 12]
        )
        ax.set_facecolor("#dddddd")
    if any(np.isnan(matrix).any() for matrix in matrices.values()):
        figure.supxlabel("grey: one of the two is silent", fontsize=8)
    return figure


def modules(found: xarray.Dataset) -> Figure:
    """Modules of targets and of networks, matched."""
    one = example(found).isel(fit=0)
    n = found.sizes["target"]
    figure, axes = panels(n, 4, (11, 1.6 * n + 0.6))
    for row, target in zip(axes, found.target.values, strict=True):
        mine = one.sel(target=target)
        matrices = {"target": mine.target_module_weight.values}
        for name in ("untrained", "fitted"):
            matrices[name] = mine.module_weight.sel(model=name).values
        matrices["linear model"] = mine.glm_module_weight.values
        limits = {"cmap": "viridis", "vmin": 0, "vmax": 1, "extent": (0.5, paper.N + 0.5, 3.5, 0.5)}
        _images(figure, row, matrices, "weight", **limits)
        for ax in row:
            ax.set(xticks=[1, 4, 8, 12], yticks=[1, 2, 3])
        row[0].set_ylabel(f"target {target}\nmodule")
    for ax in axes[-1]:
        ax.set_xlabel("neuron")
    return figure
