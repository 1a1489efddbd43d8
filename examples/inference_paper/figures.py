"""The twelve figures: what neurons do is in ``figures_activity.py``, parameters are in ``figures_parameters.py``."""

from collections.abc import Callable
from pathlib import Path

import figures_activity as activity
import figures_parameters as parameters
import xarray
from matplotlib.figure import Figure

FIGURES: dict[str, Callable[[xarray.Dataset], Figure]] = {
    "01_targets": parameters.targets,
    "02_losses": activity.losses,
    "03_rasters": activity.rasters,
    "04_rates": activity.rates,
    "05_cv": activity.regularity,
    "06_correlation": activity.matched_correlation,
    "07_correlation_matrices": activity.correlation_matrices,
    "08_modules": activity.modules,
    "09_similarity": activity.similarity,
    "10_trajectories": parameters.trajectories,
    "11_densities": parameters.densities,
    "12_distances": parameters.distances,
}


def draw_all(found: xarray.Dataset, folder: Path) -> None:
    """Writes every figure as a picture."""
    for name, draw in FIGURES.items():
        draw(found).savefig(folder / f"figure_{name}.png", dpi=130)
