"""All that was found as one labelled dataset, and its summary as a table. Read ``figures.py`` next."""

from collections.abc import Sequence
from pathlib import Path

import baseline
import experiment as paper
import fits
import judging
import numpy as np
import xarray

# What runs of the paper's own program gave, 16 fits of one configuration.
EXPECTED = {"matched_correlation": (0.34, 0.64), "geodesic_similarity": (0.20, 0.54)}
LABELS = {
    "training_loss": "loss of each window before its step, mean over the windows of an iteration",
    "test_loss": "loss of windows that were not trained with",
    "seconds": "time of the fit",
    "distance": "root mean square difference from the target's parameter",
    "matched_correlation": "mean correlation of counts of 20 ms of a neuron with its target, where both fire",
    "strict_correlation": "the same, 0 where one of them is silent",
    "geodesic_similarity": "similarity of matched modules, 1 - (2 / pi) arccos(a . b)",
}


def of_fits(tasks: Sequence[fits.Task], folder: Path) -> xarray.Dataset:
    """Every fit, and the parameters of the targets."""
    configurations = list(dict.fromkeys(c for c, _, _ in tasks))
    targets, numbers = sorted({t for _, t, _ in tasks}), sorted({n for _, _, n in tasks})
    rows = []
    for configuration in configurations:
        of_targets = []
        for target in targets:
            files = [fits.file_of(folder, (configuration, target, number)) for number in numbers]
            of_targets.append(xarray.concat([_loaded(file) for file in files], "fit"))
        rows.append(xarray.concat(of_targets, "target"))
    found = xarray.merge([xarray.concat(rows, "configuration"), xarray.concat(map(_parameters, targets), "target")])
    found["distance"] = _distances(found)
    found = found.assign_coords(
        configuration=[str(c) for c in configurations], target=targets, fit=numbers,
        state=np.arange(paper.ITERATIONS + 1), iteration=np.arange(paper.ITERATIONS), group=("neuron", paper.GROUP),
        loss_function=("configuration", [c.loss for c in configurations]),
        optimiser=("configuration", [f"{c.method} {c.learning_rate:g}" for c in configurations]),
    )  # fmt: skip
    for name, unit in paper.UNITS.items():
        found[name].attrs["units"] = found[f"target_{name}"].attrs["units"] = unit
    found.seconds.attrs["units"] = "s"
    for name, label in LABELS.items():
        found[name].attrs["long_name"] = label
    return found


def dataset(tasks: Sequence[fits.Task], folder: Path, iterations: int = paper.ITERATIONS) -> xarray.Dataset:
    """Every fit, the targets, and what linear models do that are fitted to the training data of so many iterations."""
    found = of_fits(tasks, folder)
    active = [_kept(target, iterations, folder) for target in found.target.values.tolist()]
    return xarray.merge([found, xarray.concat(active, "target").assign_coords(target=found.target)])


def _loaded(file: Path) -> xarray.Dataset:
    with xarray.open_dataset(file, engine="h5netcdf") as found:
        return found.load()


def _kept(number: int, iterations: int, folder: Path) -> xarray.Dataset:
    path = folder / f"target{number}-iterations{iterations}.nc"
    if not path.exists():
        fits.write(_target(number, iterations), path)
    return _loaded(path)


def _parameters(number: int) -> xarray.Dataset:
    model, network = paper.target(number)
    own = {f"target_{name}": ("neuron", getattr(model, name)) for name in paper.NAMES}
    weight = (("pre", "post"), network.to_dense())
    return xarray.Dataset({**own, "target_weight": weight, "target_rate": ((), paper.RATE)})


def _target(number: int, iterations: int) -> xarray.Dataset:
    """What a target does, and its generalised linear model, judged."""
    long = fits.data(number, "long")
    linear = baseline.fit(fits.data(number, "training", iterations), paper.seed(number, "training"))
    run = baseline.simulate(*linear, paper.seed(number, "long"))
    parts = {"target": (long, judging.describe(long)), "glm": (run, judging.judge(long, run))}
    found = xarray.Dataset()
    for name, (spikes, judged) in parts.items():
        found = found.assign({f"{name}_{variable}": judged[variable] for variable in judged})
        found[f"{name}_raster"] = (("step", "neuron"), spikes.spk.raster().values[0])
    return found


def _distances(found: xarray.Dataset) -> xarray.DataArray:
    """Of each parameter from that of the target; of weights, over the synapses that there are."""
    distances = []
    for name in (*paper.NAMES, "weight", "rate"):
        square = (found[name] - found[f"target_{name}"]) ** 2
        dims = [dim for dim in ("neuron", "pre", "post") if dim in square.dims]
        scale = paper.N / (paper.N - 1) if name == "weight" else 1.0
        distances.append(np.sqrt(scale * square.mean(dims)).expand_dims(parameter=[name]))
    return xarray.concat(distances, "parameter")


def summary(found: xarray.Dataset) -> str:
    """The table that is printed, by configuration, before -> after: medians of the loss, means of all else."""
    head = ("configuration", "fits", "test loss", "falls", "correlation", "up", "strict", "up", "similarity", "up", "s")
    lines = [head]
    for name in found.configuration.values:
        one = found.sel(configuration=name)
        cells = [str(name), str(one.matched_correlation[..., 0].size)]
        first, last = one.test_loss.isel(state=0).values, one.test_loss.isel(state=-1).values
        cells += [f"{np.median(first):.3g} -> {np.median(last):.3g}", str((last < first).sum())]
        for variable in ("matched_correlation", "strict_correlation", "geodesic_similarity"):
            values = one[variable].mean("module") if "module" in one[variable].dims else one[variable]
            before, after = (values.sel(model=m).values for m in ("untrained", "fitted"))
            cells += [f"{before.mean():.2f} -> {after.mean():.2f}", str((after > before).sum())]
        lines.append((*cells, f"{one.seconds.median().item():.1f}"))
    widths = [max(len(line[k]) for line in lines) for k in range(len(head))]
    table = ["  ".join(x.ljust(w) for x, w in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([*table, "", *_beside(found), "", *_recovery(found)])


def _beside(found: xarray.Dataset) -> list[str]:
    lines = []
    for variable, (before, after) in EXPECTED.items():
        linear = found[f"glm_{variable}"].mean().item()
        lines.append(
            f"{variable.replace('_', ' ')}: {before:.2f} -> {after:.2f} with the paper's own program (16 fits);"
            f" generalised linear model {linear:.2f}"
        )
    return lines


def _recovery(found: xarray.Dataset) -> list[str]:
    """Whether parameters came nearer to those of the target: honestly, from where each fit began."""
    lines = ["distance of parameters from the target's, end over begin (fits that came nearer):"]
    ratio = found.distance.isel(state=-1) / found.distance.isel(state=0)
    for name in found.configuration.values:
        one = ratio.sel(configuration=name)
        cells = []
        for parameter in (*paper.NAMES, "weight"):
            values = one.sel(parameter=parameter)
            cells.append(f"{parameter} {values.median().item():.2f} ({(values < 1).sum().item()}/{values.size})")
        lines.append(f"{name}: " + ", ".join(cells))
    return lines
