"""Messages of the worker transport: a TOML header, and array bytes in files that it names.

Julia's own TOML reader of version 1.5 knows neither ``inf``, mixed lists nor exponents with leading zeros, so the writer
keeps to what it does know. Read ``worker.py`` next.
"""

import math
import struct
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .memory import MAPPED_BYTES, SharedFile, shared_copy, shared_file

Arrays = Mapping[str, NDArray[Any]]

DTYPES = frozenset(
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128".split()
)
LENGTH = struct.Struct("<Q")


def to_toml(tree: Mapping[str, Any]) -> str:
    """TOML text of a tree of numbers, strings, lists and dicts with string keys."""
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in tree.items())


def _key(key: str) -> str:
    return '"' + _escape(key) + '"'


def _escape(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04X}" for c in escaped)


def _value(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        return _float(float(value))
    if isinstance(value, str):
        return '"' + _escape(value) + '"'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    raise TypeError(f"a {type(value).__name__} cannot be sent to Julia: {value!r}")


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be sent to Julia in a header; send it in an array")
    mantissa, _, exponent = repr(value).partition("e")
    if "." not in mantissa:
        mantissa += ".0"
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def encode(
    number: int, method: str, params: Mapping[str, Any], arrays: Arrays, requests: SharedFile
) -> tuple[bytes, list[Any]]:
    """A request, and what must be kept alive until it has been answered.

    Small arrays are written to the request file one after the other; large ones are mapped by Julia from a file of
    their own, into which they are copied unless they were made there (:func:`~.memory.shared_empty`).
    """
    entries: list[dict[str, Any]] = []
    alive: list[Any] = []
    offset = 0
    for name, given in arrays.items():
        array = np.asarray(given) if not isinstance(given, np.ndarray) else given
        if array.dtype.name not in DTYPES:
            raise TypeError(f"array {name!r} of dtype {array.dtype} cannot be sent to Julia; expected numbers or bool")
        entry = {"name": name, "dtype": array.dtype.name, "shape": list(array.shape)}
        if array.nbytes >= MAPPED_BYTES:
            file = shared_file(array)
            if file is None:
                array = shared_copy(array, array.dtype)
                file = shared_file(array)
            assert file is not None
            entry |= {"file": file.path, "offset": 0}
            alive.append(array)
        elif array.nbytes:
            entry["offset"] = offset
            requests.write(array, offset)
            offset += -(-array.nbytes // 64) * 64
        entries.append(entry)
    header = {"id": number, "method": method, "params": params, "arrays": entries}
    body = to_toml(header).encode()
    return LENGTH.pack(len(body)) + body, alive


def decode(body: bytes, replies: SharedFile) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The header of a reply and its arrays, copied out of the reply file."""
    header = tomllib.loads(body.decode())
    arrays = {
        entry["name"]: replies.read(tuple(entry["shape"]), entry["dtype"], entry["offset"])
        for entry in header.get("arrays", [])
    }
    return header, arrays
