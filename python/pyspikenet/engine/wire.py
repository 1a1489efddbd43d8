"""Messages of the worker transport: a TOML header, and array bytes in files that it names.

The TOML reader of Julia 1.5 knows neither ``inf``, mixed lists, empty keys nor exponents with leading zeros, so the
writer keeps to what it does know. Read ``worker.py`` next.
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

DTYPES = frozenset([
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64", "complex64", "complex128",
])  # fmt: skip
LENGTH = struct.Struct("<Q")


def plain(value: object) -> Any:
    """A tree of dicts, lists, numbers and strings for Julia, rid of NumPy's scalars.

    Keys are strings, not empty; a list holds numbers, strings, lists or dicts, not a mixture of them.
    """
    match value:
        case bool() | np.bool_():
            return bool(value)
        case int() | np.integer():
            if not -(2**63) <= value < 2**63:
                raise ValueError(f"{value} cannot be sent to Julia: it does not fit into 64 bits")
            return int(value)
        case float() | np.floating():
            if not math.isfinite(value):
                raise ValueError(f"{value} cannot be sent to Julia as a number; send it in an array")
            return float(value)
        case str():
            return str(value)
        case Mapping():
            return {_key(key): plain(x) for key, x in value.items()}
        case Sequence() if not isinstance(value, bytes | bytearray | memoryview):
            return _alike([plain(x) for x in value])
    raise TypeError(f"a {type(value).__name__} cannot be sent to Julia: {value!r}")


def _key(key: object) -> str:
    if not isinstance(key, str) or not key:
        raise TypeError(f"keys must be strings that are not empty, got {key!r}")
    return str(key)


def _alike(values: list[Any]) -> list[Any]:
    kinds = {type(value) for value in values}
    if len(kinds) <= 1:
        return values
    if kinds == {int, float}:
        return [float(value) for value in values]
    names = " and ".join(sorted(kind.__name__ for kind in kinds))
    raise TypeError(f"a list that mixes {names} cannot be sent to Julia: {values!r}")


def native(name: str, given: object) -> NDArray[Any]:
    """An array for Julia, in this machine's byte order."""
    array = np.asarray(given)
    if array.dtype.name not in DTYPES:
        raise TypeError(f"array {name!r} of dtype {array.dtype} cannot be sent to Julia; expected numbers or bool")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def to_toml(tree: dict[str, Any]) -> str:
    """TOML text of what :func:`plain` gives."""
    return "".join(f"{_quoted(key)} = {_value(value)}\n" for key, value in tree.items())


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04X}" for c in escaped) + '"'


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return _float(value)
        case str():
            return _quoted(value)
        case dict():
            return "{" + ", ".join(f"{_quoted(k)} = {_value(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_value, value)) + "]"
    return str(value)


def _float(value: float) -> str:
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
        array = native(name, given)
        entry: dict[str, Any] = {"name": name, "dtype": array.dtype.name, "shape": list(array.shape)}
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
    header = {"id": number, "method": method, "params": plain(params), "arrays": entries}
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
