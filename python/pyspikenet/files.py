"""Networks in files."""

import csv
import os
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from .network import Network

AnyNetwork = TypeVar("AnyNetwork", bound="Network")

FORMAT = "pyspikenet network 1"
NUMBER = re.compile(r"[+-]?[0-9]+")


def read_network(cls: "type[AnyNetwork]", path: Path, **kwargs: Any) -> "AnyNetwork":
    """See :meth:`Network.from_file`."""
    if path.suffix not in (".npy", ".npz", ".csv"):
        raise ValueError(f"path must end in .npy, .npz or .csv, got {str(path)!r}")
    if not path.is_file():
        raise FileNotFoundError(f"path must be that of a file, got {str(path)!r}, where none is")
    if path.suffix == ".npy":
        try:
            matrix = np.load(path, allow_pickle=False)
        except (ValueError, EOFError):
            raise ValueError(f"path must be that of a matrix of numbers, got {str(path)!r}, which is none") from None
        return cls.from_dense(matrix, **kwargs)
    if path.suffix == ".npz":
        return _read_npz(cls, path, **kwargs)
    return _read_csv(cls, path, **kwargs)


def write_network(network: "Network", path: Path) -> None:
    """See :meth:`Network.save`."""
    if path.suffix != ".npz":
        raise ValueError(f"path must end in .npz, got {str(path)!r}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path must lie in a folder that exists, got {str(path)!r}")
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
    if not zipfile.is_zipfile(path):
        raise ValueError(f"path must be that of an .npz archive, got {str(path)!r}, which is none")
    with np.load(path, allow_pickle=False) as file:
        if "format" not in file or str(file["format"]) != FORMAT:
            import scipy.sparse

            try:
                matrix: Any = scipy.sparse.load_npz(path)
            except (ValueError, KeyError, OSError):
                raise ValueError(
                    "path must be that of a network written by Network.save or of a SciPy sparse matrix, got"
                    f" {str(path)!r}, which is neither"
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
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        try:
            rows, columns = list(reader), set(reader.fieldnames or ())
        except (csv.Error, UnicodeDecodeError) as problem:
            raise ValueError(f"path must be that of a CSV file, got {str(path)!r}: {problem}") from None
    if not {"pre", "post"} <= columns or not rows:
        raise ValueError(
            "path must be that of a CSV file with at least one row and a header with the columns pre and post, got"
            f" {str(path)!r} with {len(rows)} rows and the columns {sorted(columns)}"
        )
    twice = columns & {"weight", "delay", "receptor"} & set(kwargs)
    if twice:
        raise ValueError(f"{min(twice)} must be given once, got it as an argument and as a column of {str(path)!r}")
    for number_of_row, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise ValueError(f"path must be that of a table, got {str(path)!r}, whose line {number_of_row} has too"
                             f" {'many' if None in row else 'few'} values")  # fmt: skip
    pre, post = [row["pre"].strip() for row in rows], [row["post"].strip() for row in rows]
    if all(NUMBER.fullmatch(name) for name in (*pre, *post)):
        kwargs |= {"pre": [int(x) for x in pre], "post": [int(x) for x in post]}
    else:
        names = kwargs.pop("labels", None)
        names = sorted({*pre, *post}) if names is None else [str(name) for name in names]
        index = {name: k for k, name in enumerate(names)}
        missing = [name for name in (*pre, *post) if name not in index]
        if missing:
            raise ValueError(f"labels must hold every neuron of the file, got labels without {missing[0]!r}")
        kwargs |= {"pre": [index[x] for x in pre], "post": [index[x] for x in post], "labels": names, "n": len(names)}
    for name in ("weight", "delay"):
        if name in columns:
            try:
                kwargs[name] = [float(row[name]) for row in rows]
            except (TypeError, ValueError):
                bad = next(row[name] for row in rows if not _is_number(row[name]))
                raise ValueError(f"{name} must be a number in every row of {str(path)!r}, got {bad!r}") from None
    if "receptor" in columns:
        kwargs["receptor"] = [row["receptor"] for row in rows]
    return cls.from_edges(**kwargs)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
