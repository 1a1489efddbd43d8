"""Files from which a fit goes on. They are written beside their place and then moved there: one is always whole."""

import functools
import hashlib
import json
import os
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network import Network
from ..parameters import file_path, shown
from ..stimulus import StimulusSum

SECONDS_BETWEEN = 1.0


def fingerprint(asked: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """What tells one fit from another: everything that its result depends on."""
    digest = hashlib.sha256(json.dumps(_without_threads(asked), sort_keys=True, default=repr).encode())
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()


def mark_of(x: Any) -> Any:
    """What tells an argument from another one, in any process: plain values, and hashes of what is large.

    A function is told by its name and its code, not by what else it calls.
    """
    if isinstance(x, Network):
        return x.hash()
    if hasattr(x, "data_vars"):
        return {str(name): mark_of(y.values) for name, y in x.variables.items()}
    if isinstance(x, Mapping):
        return {str(name): mark_of(y) for name, y in x.items()}
    if isinstance(x, list | tuple | StimulusSum):
        return [mark_of(y) for y in x]
    if isinstance(x, functools.partial):
        return ["partial", mark_of(x.func), mark_of(x.args), mark_of(x.keywords)]
    if isinstance(x, np.ndarray):
        return [str(x.dtype), list(x.shape), hashlib.sha256(np.ascontiguousarray(x).tobytes()).hexdigest()]
    if hasattr(x, "__code__"):
        return [x.__qualname__, _code(x.__code__), mark_of(x.__defaults__ or ())]
    if hasattr(x, "to_dict") and not isinstance(x, type):
        return mark_of(x.to_dict())
    if callable(x) and hasattr(x, "__dict__") and not isinstance(x, type):
        return [type(x).__qualname__, mark_of(vars(x))]
    return x if isinstance(x, str | int | float | bool | None) else repr(x)


def _code(code: Any) -> str:
    """A hash of what a function does."""

    def mark(x: Any) -> str:
        return _code(x) if hasattr(x, "co_code") else repr(sorted(map(repr, x)) if isinstance(x, frozenset) else x)

    parts = [mark(x) for x in code.co_consts]
    return hashlib.sha256(code.co_code + repr((parts, code.co_names)).encode()).hexdigest()


def _without_threads(asked: dict[str, Any]) -> dict[str, Any]:
    params = {k: v for k, v in asked["params"].items() if k != "threads"}
    return {**asked, "params": params}


class Checkpoint:
    """Where a fit keeps its state, and where it goes on from; neither need be."""

    def __init__(self, path: Any, resume: Any, mark: str) -> None:
        self.path = None if path is None else file_path(path)
        if self.path is not None and self.path.suffix != ".npz":
            raise ValueError(f"checkpoint must be a file .npz, got {shown(str(self.path))}")
        self.source: Path | None = None
        if resume is True:
            if self.path is None:
                raise ValueError("resume=True needs a checkpoint, got checkpoint=None")
            self.source = self.path if self.path.exists() else None
        elif resume is not False:
            self.source = file_path(resume)
            if not self.source.exists():
                raise FileNotFoundError(
                    f"resume must be a checkpoint of a fit, got {self.source}, which does not exist"
                )
        self.mark = mark
        self._latest = -1e9

    def read(self) -> dict[str, Any] | None:
        """The state that was written, None if there is none to go on from."""
        if self.source is None:
            return None
        try:
            with np.load(self.source, allow_pickle=False) as file:
                state = {name: file[name] for name in file.files}
        except (OSError, ValueError, zipfile.BadZipFile) as problem:
            raise ValueError(f"resume must be a checkpoint of a fit, but {self.source} is none: {problem}") from None
        if str(state.pop("fingerprint", "")) != self.mark:
            raise ValueError(
                f"resume must be a checkpoint of this fit, but {self.source} is of one with other data, model, network"
                " or settings"
            )
        return state

    def write(self, state: "dict[str, Any] | Callable[[], dict[str, Any]]", at_once: bool = False) -> None:
        """Writes the state, unless that was done a moment ago."""
        if self.path is None or (not at_once and time.monotonic() - self._latest < SECONDS_BETWEEN):
            return
        self._latest = time.monotonic()
        found = state() if callable(state) else state
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            with beside.open("wb") as file:
                np.savez(file, fingerprint=self.mark, **found)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path)
        finally:
            beside.unlink(missing_ok=True)
