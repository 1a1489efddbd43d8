"""Networks in files."""

import csv
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from .network import Network

AnyNetwork = TypeVar("AnyNetwork", bound="Network")

FORMAT = "pyspikenet network 1"


def read_network(cls: "type[AnyNetwork]", path: Path, **kwargs: Any) -> "AnyNetwork":
    """See :meth:`Network.from_file`."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    if path.suffix == ".npy":
        return cls.from_dense(np.load(path, allow_pickle=False), **kwargs)
    if path.suffix == ".npz":
        return _read_npz(cls, path, **kwargs)
    if path.suffix == ".csv":
        return _read_csv(cls, path, **kwargs)
    raise ValueError(f"path must end in .npy, .npz or .csv, got {str(path)!r}")


def write_network(network: "Network", path: Path) -> None:
    """See :meth:`Network.save`."""
    if path.suffix != ".npz":
        raise ValueError(f"path must end in .npz, got {str(path)!r}")
    content: dict[str, Any] = {"format": FORMAT, "n": network.n, "receptors": np.array(network.receptors, dtype=str)}
    for name in ("offset", "target", "weight", "delay", "receptor", "labels", "network"):
        value = getattr(network, name)
        if value is not None:
            content[name] = value
    content |= {f"group {name}": who for name, who in network.groups.items()}
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            np.savez_compressed(file, **content)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _read_npz(cls: "type[AnyNetwork]", path: Path, **kwargs: Any) -> "AnyNetwork":
    with np.load(path, allow_pickle=False) as file:
        if "format" not in file or str(file["format"]) != FORMAT:
            import scipy.sparse

            try:
                matrix: Any = scipy.sparse.load_npz(path)
            except (ValueError, KeyError, OSError):
                raise ValueError(
                    f"path: {str(path)!r} is neither a network written by Network.save nor a SciPy sparse matrix"
                ) from None
            return cls.from_scipy(matrix, **kwargs)
        if kwargs:
            raise ValueError(f"a saved network takes no further arguments, got {', '.join(kwargs)}")
        content = {name: file[name] for name in file.files}
    delay = content.get("delay")
    return cls(
        n=int(content["n"]),
        offset=content["offset"],
        target=content["target"],
        weight=content["weight"],
        delay=float(delay) if delay is not None and delay.ndim == 0 else delay,
        receptor=content.get("receptor"),
        receptors=[str(name) for name in content["receptors"]],
        labels=content.get("labels"),
        groups={name.removeprefix("group "): x for name, x in content.items() if name.startswith("group ")},
        network=content.get("network"),
    )


def _read_csv(cls: "type[AnyNetwork]", path: Path, **kwargs: Any) -> "AnyNetwork":
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = set(rows[0]) if rows else set()
    if not {"pre", "post"} <= columns:
        raise ValueError(f"path: {str(path)!r} must have a header with the columns pre and post, and at least one row")
    pre, post = [row["pre"] for row in rows], [row["post"] for row in rows]
    if all(name.isdigit() for name in (*pre, *post)):
        kwargs |= {"pre": [int(x) for x in pre], "post": [int(x) for x in post]}
    else:
        names = kwargs.pop("labels", None)
        names = sorted({*pre, *post}) if names is None else [str(name) for name in names]
        index = {name: k for k, name in enumerate(names)}
        missing = [name for name in (*pre, *post) if name not in index]
        if missing:
            raise ValueError(f"labels must hold every neuron of the file, but {missing[0]!r} is missing")
        kwargs |= {"pre": [index[x] for x in pre], "post": [index[x] for x in post], "labels": names, "n": len(names)}
    for name in ("weight", "delay"):
        if name in columns:
            try:
                kwargs[name] = [float(row[name]) for row in rows]
            except (TypeError, ValueError):
                raise ValueError(f"path: column {name} of {str(path)!r} must hold numbers in every row") from None
    if "receptor" in columns:
        kwargs["receptor"] = [row["receptor"] for row in rows]
    return cls.from_edges(**kwargs)
