"""Figures of parameters: those of the targets, and how those that are fitted move."""

import experiment as paper
import numpy as np
import xarray
from figures_activity import BLUE, GREEN, GREY, NEURONS, RED, VIOLET, example, panels
from matplotlib.figure import Figure

GROUP_COLORS = (BLUE, GREEN, RED)
GROUP_NAMES = ("excitatory, group 1", "excitatory, group 2", "inhibitory")
LABELS = {
    "E_L": r"$E_L$ (mV)", "tau_m": r"$\tau_m$ (ms)", "tau_g": r"$\tau_g$ (ms)", "R": r"$R$ (M$\Omega$)",
    "weight": "weight", "rate": "input rate (Hz)",
}  # fmt: skip


def targets(found: xarray.Dataset) -> Figure:
    """Weights and parameters of the target networks."""
    n = found.sizes["target"]
    figure, axes = panels(2, 4, (13, 6))
    for k in range(4):
        ax = axes[0, k]
        if k >= n:
            ax.set_axis_off()
            continue
        edges = (0.5, paper.N + 0.5, paper.N + 0.5, 0.5)
        image = ax.imshow(found.target_weight[k], cmap="RdBu", vmin=-1, vmax=1, extent=edges, interpolation="nearest")
        ax.set(title=f"target {found.target.values[k]}", xlabel="postsynaptic neuron", ylabel="presynaptic neuron")
        ax.set(xticks=[1, 4, 8, 12], yticks=[1, 4, 8, 12])
    figure.colorbar(image, ax=list(axes[0]), label="weight", shrink=0.8)
    for ax, name in zip(axes[1], paper.NAMES, strict=True):
        for k in range(n):
            ax.scatter(
                NEURONS + 0.14 * (k - 1.5), found[f"target_{name}"][k], s=16, label=f"target {found.target.values[k]}"
            )
        ax.set(xlabel="neuron", ylabel=LABELS[name], xticks=[1, 4, 8, 12])
    axes[1, 0].legend(frameon=False, fontsize=8)
    return figure


def trajectories(found: xarray.Dataset) -> Figure:
    """Parameters over the iterations of one fit, and where the target has them."""
    one = example(found).isel(target=0, fit=0)
    figure, axes = panels(2, 3, (12, 6.4))
    for ax, name in zip(axes.flat, (*paper.NAMES, "weight", "rate"), strict=True):
        for group, color in enumerate(GROUP_COLORS):
            mine = group == paper.GROUP
            if name == "rate":
                continue
            if name == "weight":
                lines = one.weight.values[:, mine].reshape(paper.ITERATIONS + 1, -1)
                truth = (
                    np.abs(one.target_weight.values[mine]).sum() / (mine.sum() * (paper.N - 1)) * (-1) ** (group == 2)
                )
            else:
                lines, truth = one[name].values[:, mine], one[f"target_{name}"].values[mine].mean()
            ax.plot(found.state, lines, color=color, linewidth=0.9 if name != "weight" else 0.4, alpha=0.8)
            ax.axhline(truth, color=color, linestyle="--", linewidth=1.3)
        if name == "rate":
            ax.plot(found.state, one.rate, color=VIOLET)
            ax.axhline(paper.RATE, color=VIOLET, linestyle="--")
        ax.set(xlabel="iteration", ylabel=LABELS[name])
    handles = [axes[0, 0].plot([], [], color=c, label=n)[0] for c, n in zip(GROUP_COLORS, GROUP_NAMES, strict=True)]
    handles.append(axes[0, 0].plot([], [], color="#333333", linestyle="--", label="target, mean of the group")[0])
    figure.legend(handles=handles, loc="outside upper center", ncols=4, frameon=False)
    return figure


def densities(found: xarray.Dataset) -> Figure:
    """How parameters are distributed: where fits begin, where they end, and in the targets."""
    one = example(found)
    figure, axes = panels(2, 3, (12, 6.4))
    for ax, name in zip(axes.flat, (*paper.NAMES, "weight", "rate"), strict=True):
        begin, end = (one[name].isel(state=k).values.ravel() for k in (0, -1))
        truth = one[f"target_{name}"].values.ravel()
        if name == "weight":
            begin, end, truth = (values[values != 0] for values in (begin, end, truth))
        low, high = paper.BOUNDS.get(
            name, (min(begin.min(), end.min(), truth.min()), max(begin.max(), end.max(), truth.max()))
        )
        edges = np.linspace(low - 0.02 * (high - low), high + 0.02 * (high - low), 31)
        for values, color, filled in ((begin, GREY, True), (end, BLUE, True), (truth, RED, False)):
            style = {"histtype": "stepfilled", "alpha": 0.5} if filled else {"histtype": "step", "linewidth": 1.5}
            ax.hist(values, edges, weights=np.full(values.size, 1 / values.size), color=color, **style)
        ax.set(xlabel=LABELS[name], ylabel="part of all")
    handles = [
        axes[0, 0].fill_between([], [], [], color=GREY, alpha=0.5, label="begin of the fits"),
        axes[0, 0].fill_between([], [], [], color=BLUE, alpha=0.5, label="end of the fits"),
        axes[0, 0].plot([], [], color=RED, label="targets")[0],
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)
    return figure


def distances(found: xarray.Dataset) -> Figure:
    """Distance of parameters from the target's at the end over that at the begin: above 1, the fit went away."""
    names = [str(name) for name in found.configuration.values]
    ratio = found.distance.isel(state=-1) / found.distance.isel(state=0)
    ratio = ratio.sel(parameter=[*paper.NAMES, "weight"])
    middle = ratio.median(("target", "fit")).transpose("configuration", "parameter").values
    figure, axes = panels(1, 1, (8.5, 1.6 + 0.36 * len(names)))
    ax = axes[0, 0]
    image = ax.imshow(np.log2(middle), cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
    dark = np.where(np.abs(np.log2(middle)) > 0.6, "white", "black")
    share = (ratio < 1).mean(("target", "fit")).transpose("configuration", "parameter").values
    for i, j in np.ndindex(middle.shape):
        ax.text(j, i, f"{middle[i, j]:.2f} ({share[i, j]:.0%})", ha="center", va="center", fontsize=8, color=dark[i, j])
    ax.set(xticks=range(5), xticklabels=[LABELS[k].split(" (")[0] for k in (*paper.NAMES, "weight")])
    ax.set(yticks=range(len(names)), yticklabels=names)
    ax.set_title("distance from the target at the end / at the begin\nmedian (fits that came nearer)", fontsize=10)
    bar = figure.colorbar(image, ax=ax, label="end / begin", ticks=[-1, 0, 1])
    bar.ax.set_yticklabels(["1/2", "1", "2"])
    return figure
