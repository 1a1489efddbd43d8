"""Recordings in tables of text: one row for each spike, or for each sample."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..parameters import shown
from .arrays import positions, read_arrays, sampling
from .recording import Recorded
from .units import Names

SUFFIXES = (".csv", ".tsv")


def read_file(path: Path, names: Names, dt: float | None) -> Recorded:
    """A table with a header; commas, semicolons or tabs between the columns."""
    columns = _columns(path)
    found = names.find(columns)
    sampled = [name for name in ("v", "I") if name in found]
    if not sampled and "spike_time" not in found and "time" in found:
        found["spike_time"] = found.pop("time")
    if not sampled and "spike_time" not in found:
        raise ValueError(
            f"recording must be a table with a column spike_time, v or I, or columns= tell which is which, got"
            f" {str(path)!r} with the columns {shown(list(columns))}"
        )
    values: dict[str, Any] = {}
    for quantity, (name, scale) in found.items():
        if quantity in ("neuron", "trial"):
            values[quantity] = _numbers_or_names(columns[name])
        elif quantity != "dt":
            values[quantity] = _numbers(path, name, columns[name]) * scale
    own = Names(None, None)
    if not sampled:
        return read_arrays(values, own, dt, None, str(path))
    if "spike_time" in values:
        raise ValueError(
            f"recording must have spikes or samples in its rows, got {str(path)!r} with {sampled} and spikes"
        )
    return _samples(path, values, sampled, own, dt)


def _samples(path: Path, values: dict[str, Any], sampled: list[str], own: Names, dt: float | None) -> Recorded:
    """Rows of samples, one trial after the other."""
    size = values[sampled[0]].size
    trial, _ = positions("trial", (values["trial"], 1.0) if "trial" in values else None, size)
    neuron, cells = positions("neuron", (values["neuron"], 1.0) if "neuron" in values else None, size)
    present = np.unique(trial)
    cell = np.searchsorted(present, trial) * cells.size + neuron
    counts = np.bincount(cell, minlength=present.size * cells.size)
    if np.ptp(counts):
        raise ValueError(
            f"recording must have as many samples in each trial{' of each neuron' if cells.size > 1 else ''}, got"
            f" {counts.min()} to {counts.max()} in {str(path)!r}"
        )
    order = np.argsort(cell, kind="stable")
    shape = (present.size, cells.size, int(counts[0]))
    found: dict[str, Any] = {x: values[x][order].reshape(shape).transpose(0, 2, 1) for x in sampled}
    if "time" in values:
        time = values["time"][order].reshape(-1, shape[2])
        begin, interval = sampling(time[0] if present.size * cells.size == 1 else time[0] - time[0, 0])
        found["dt" if begin == 0.0 else "time"] = interval if begin == 0.0 else time[0]
    return read_arrays(found, own, dt, None, str(path))


def _columns(path: Path) -> dict[str, list[str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        try:
            header = file.readline()
            separator = max(",;\t", key=header.count)
            names = [name.strip().lstrip("#").strip() for name in next(csv.reader([header], delimiter=separator), [])]
            rows = [row for row in csv.reader(file, delimiter=separator, skipinitialspace=True) if row]
        except (csv.Error, UnicodeDecodeError) as problem:
            raise ValueError(f"recording must be a table of text, got {str(path)!r}: {problem}") from None
    if not rows or len(set(names)) != len(names):
        raise ValueError(
            f"recording must be a table with a header of different names and at least one row, got {str(path)!r} with"
            f" {len(rows)} rows and the columns {shown(names)}"
        )
    for k, row in enumerate(rows, 2):
        if len(row) != len(names):
            raise ValueError(
                f"recording must be a table, got {str(path)!r}, whose row {k} has {len(row)} values in place of"
                f" {len(names)}"
            )
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def _numbers(path: Path, name: str, texts: list[str]) -> NDArray[np.float64]:
    try:
        return np.array(texts, float)
    except ValueError as problem:
        raise ValueError(f"column {name!r} of {str(path)!r} must be numbers: {problem}") from None


def _numbers_or_names(texts: list[str]) -> NDArray[Any]:
    try:
        return np.array(texts, float)
    except ValueError:
        return np.array([text.strip() for text in texts])
