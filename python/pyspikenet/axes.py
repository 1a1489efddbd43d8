"""The Axes, colours and groups that all pictures share. Read ``plot.py`` next."""

from typing import TYPE_CHECKING, Any

import xarray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = ("#1b6ca8", "#c0392b", "#2e8b57", "#8e5ea2", "#d68910", "#16a085", "#7f8c8d")


def new_axes(ax: "Axes | None", size: tuple[float, float]) -> "Axes":
    """`ax`, or those of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]


def tidy(ax: "Axes") -> "Axes":
    """Without the spines that say nothing."""
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def groups_of(dataset: xarray.Dataset) -> dict[str, Any]:
    """The groups of neurons of a dataset, as masks by name."""
    return {
        str(name).removeprefix("group_"): x.values
        for name, x in dataset.coords.items()
        if str(name).startswith("group_")
    }


def with_unit(name: str, unit: str | None) -> str:
    """A label of an axis: "v (mV)"; a number without a unit is only named."""
    return name if unit in (None, "", "1") else f"{name} ({unit})"
