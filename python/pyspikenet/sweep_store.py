"""Where the results of a sweep are kept: in memory, or in a Zarr store that grows part by part."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import xarray
from numpy.typing import NDArray

from ._version import __version__
from .fitting.measures import Measured
from .parameters import file_path, shown

Region = tuple[slice, ...]
REASON = "<U200"
MARK = "pyspikenet_sweep"
ABOUT = {
    "done": {"long_name": "whether the point has been simulated"},
    "failure": {"long_name": "why the point has no results; empty if it has"},
}


class Store(Protocol):
    """What :func:`sweep` writes to."""

    block: tuple[int, ...] | None

    @property
    def complete(self) -> bool: ...
    def is_done(self, region: Region) -> bool: ...
    def write(
        self, region: Region, shape: tuple[int, ...], measured: list[dict[str, Measured]], reasons: dict[int, str]
    ) -> None: ...
    def dataset(self, attrs: dict[str, Any]) -> xarray.Dataset: ...


class InMemory:
    """Results as arrays, made when it is known what a point has."""

    block: tuple[int, ...] | None = None

    def __init__(self, shape: Mapping[str, int], coords: Mapping[str, Any]) -> None:
        self.shape, self.coords = dict(shape), dict(coords)
        sizes = tuple(self.shape.values())
        self.done: Any = np.zeros(sizes, bool)
        self.failure: Any = np.full(sizes, "", REASON)
        self.variables: dict[str, Any] = {}
        self.known: dict[str, Measured] = {}  # what each variable is like: dimensions, shape, coordinates

    @property
    def complete(self) -> bool:
        return bool(np.all(self.done[...]))

    def is_done(self, region: Region) -> bool:
        """Whether all points of a region are done."""
        return bool(np.all(self.done[region]))

    def write(
        self, region: Region, shape: tuple[int, ...], measured: list[dict[str, Measured]], reasons: dict[int, str]
    ) -> None:
        """Writes the results of the points of a region, in order; they are done only when all is there."""
        blocks: dict[str, NDArray[np.float64]] = {}
        for c, found in enumerate(measured):
            if c in reasons:
                continue
            fresh = {name: x for name, x in found.items() if name not in self.known}
            if fresh:
                self._check_names(fresh)
                self._define(fresh)
                self.known |= fresh
            for name, x in found.items():
                like = self.known[name]
                if (x.dims, x.values.shape) != (like.dims, like.values.shape):
                    raise ValueError(
                        f"measure must give the same shape at every point, got {x.values.shape} along {x.dims} for"
                        f" {name}, and {like.values.shape} along {like.dims} before"
                    )
                if name not in blocks:
                    blocks[name] = np.full((len(measured), *x.values.shape), np.nan)
                blocks[name][c] = x.values
        for name, block in blocks.items():
            self.variables[name][region] = block.reshape(*shape, *block.shape[1:])
        if reasons:
            failed = np.array([reasons.get(c, "") for c in range(len(measured))], REASON)
            self.failure[region] = failed.reshape(shape)
        self.done[region] = np.ones(shape, bool)

    def _check_names(self, fresh: dict[str, Measured]) -> None:
        for name, x in fresh.items():
            taken = {*self.shape, *self.coords, "done", "failure"}
            for own in (name, *x.dims):
                if own in taken:
                    raise ValueError(f"measure must not return something called {own}, the name of something else here")

    def _define(self, fresh: dict[str, Measured]) -> None:
        sizes = tuple(self.shape.values())
        for name, x in fresh.items():
            self.variables[name] = np.full((*sizes, *x.values.shape), np.nan)

    def template(self, fresh: Mapping[str, Measured], values: Mapping[str, Any]) -> xarray.Dataset:
        """Variables with their dimensions and coordinates."""
        dims = tuple(self.shape)
        coords = {d: (d, x) for own in fresh.values() for d, x in own.coords.items()}
        return xarray.Dataset({name: ((*dims, *x.dims), values[name], x.attrs) for name, x in fresh.items()}, coords)

    def dataset(self, attrs: dict[str, Any]) -> xarray.Dataset:
        """All of it."""
        found = self.template(self.known, self.variables).assign_coords(self.coords)
        own = {"done": self.done, "failure": self.failure}
        found = found.assign({name: (tuple(self.shape), x, ABOUT[name]) for name, x in own.items()})
        return found.assign_attrs({MARK: __version__, **attrs})


class InZarr(InMemory):
    """Results in a Zarr store, whose chunks are the parts that are simulated at once: each is written once, whole."""

    def __init__(
        self,
        path: Any,
        shape: Mapping[str, int],
        coords: Mapping[str, Any],
        block: tuple[int, ...],
        mark: str,
        resume: bool,
    ) -> None:
        self.path = file_path(path)
        if self.path.suffix != ".zarr":
            raise ValueError(f"path must end in .zarr, got {str(path)!r}")
        if not self.path.parent.is_dir():
            raise FileNotFoundError(f"path must lie in a folder that exists, got {str(path)!r}")
        try:
            import zarr
        except ImportError:
            raise ImportError("Zarr stores need the package zarr; install pyspikenet[zarr]") from None
        self._zarr = zarr
        self.shape, self.coords = dict(shape), dict(coords)
        self.known = {}
        exists = self.path.exists()
        if exists and not resume:
            raise FileExistsError(
                f"path must be that of a new store, got {str(path)!r}, which exists; resume=True goes on with it"
            )
        if not exists:
            self.block: tuple[int, ...] | None = block
            sizes, dims = tuple(shape.values()), tuple(shape)
            start = xarray.Dataset(
                {
                    "done": (dims, np.zeros(sizes, bool), ABOUT["done"]),
                    "failure": (dims, np.full(sizes, "", REASON), ABOUT["failure"]),
                },
                dict(coords),
                {MARK: __version__, "sweep": mark, "block": list(block), "interrupted": 1},
            )
            beside = self.path.with_name(f".{self.path.name}.{os.getpid()}.partial")
            try:
                self._to_zarr(start, "w", beside)
                beside.rename(self.path)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
        self._open()
        attrs = dict(self.variables.attrs)
        if attrs.get("sweep") != mark:
            raise ValueError(
                f"resume must go on with the same sweep, but {str(path)!r} is of one with other parameters, pieces,"
                f" measures or settings"
                if MARK in attrs
                else f"path must be that of a sweep, got {shown(str(path))}"
            )
        self.block = tuple(attrs["block"])
        with xarray.open_zarr(self.path, chunks=None) as ds:
            for name in set(map(str, ds.data_vars)) - {"done", "failure"}:
                own = ds[name].isel(dict.fromkeys(self.shape, 0))
                along = {str(d): own.coords[d].values for d in own.dims if d in own.coords}
                self.known[name] = Measured(tuple(map(str, own.dims)), np.empty(own.shape), along)

    def _open(self) -> None:
        self.variables: Any = self._zarr.open_group(str(self.path), mode="r+")
        self.done, self.failure = self.variables["done"], self.variables["failure"]

    def _to_zarr(self, ds: xarray.Dataset, mode: Any, target: Path) -> None:
        rest = {name: ds[name].shape[len(self.shape) :] for name in ds.data_vars}
        encoding = {name: {"chunks": (*(self.block or ()), *rest[name])} for name in ds.data_vars}
        # Version 2 of the format has a specification for text of fixed length, version 3 none yet.
        ds.to_zarr(target, mode=mode, zarr_format=2, consolidated=True, encoding=encoding, write_empty_chunks=False)

    def _define(self, fresh: dict[str, Measured]) -> None:
        sizes = tuple(self.shape.values())
        blank = {name: np.broadcast_to(np.nan, (*sizes, *x.values.shape)) for name, x in fresh.items()}
        self._to_zarr(self.template(fresh, blank).assign_attrs(dict(self.variables.attrs)), "a", self.path)
        self._open()

    def dataset(self, attrs: dict[str, Any]) -> xarray.Dataset:
        """All of it, read from the store when it is needed."""
        self.variables.attrs.update(attrs)
        self._zarr.consolidate_metadata(str(self.path))
        found: xarray.Dataset = xarray.open_zarr(self.path, chunks=None)
        return found
