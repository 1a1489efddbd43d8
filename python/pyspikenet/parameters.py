"""Parameters with unit, range and description: one declaration drives validation, docstring, repr and units.

Every model, kernel and stimulus is a frozen dataclass made with :func:`parameterised`, its fields with
:func:`quantity`.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar, dataclass_transform

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .limits import MOST_STEPS

RANGES: dict[str, tuple[str, Callable[[NDArray[Any]], Any]]] = {
    "any": ("a finite number", np.isfinite),
    "positive": ("positive", lambda x: np.isfinite(x) & (x > 0)),
    "nonnegative": ("zero or positive", lambda x: np.isfinite(x) & (x >= 0)),
    "probability": ("in [0, 1]", lambda x: (x >= 0) & (x <= 1)),
}


def quantity(
    *,
    default: Any = dataclasses.MISSING,
    unit: str = "1",
    description: str,
    range: str = "any",
    varies: bool = False,
    each: str = "neuron",
    optional: bool = False,
) -> Any:
    """A numeric field: `unit` ("1" for none), allowed `range`, whether it may differ between neurons (or `each`)."""
    metadata = {"unit": unit, "description": description, "range": range, "varies": varies, "optional": optional}
    metadata["each"] = each
    return dataclasses.field(default=default, metadata=metadata)


def option(*, default: Any = dataclasses.MISSING, kind: str, description: str) -> Any:
    """A field that is not a number; the class checks it in ``_validate``."""
    return dataclasses.field(default=default, metadata={"kind": kind, "description": description})


def shown(value: Any) -> str:
    """`value` in an error message: its repr, cut off where that is long."""
    text = f"an array of shape {value.shape}" if isinstance(value, np.ndarray) and value.size > 20 else repr(value)
    return text if len(text) <= 200 else text[:197] + "..."


def as_array(name: str, value: Any) -> NDArray[Any]:
    """`value` as an array, or the error that names it."""
    try:
        return np.asarray(value)
    except (ValueError, TypeError):  # lists of different lengths
        raise TypeError(f"{name} must be numbers in rows of equal length, got {shown(value)}") from None


def requirement(range: str, finite: bool) -> str:
    """What a number must be, in words; `finite` tells whether the refused one was."""
    text = RANGES[range][0]
    return text if finite or range == "any" else f"{text} and finite"


def number(name: str, value: Any, range: str = "any") -> float:
    """`value` as a float, or the error that names it."""
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            value = float(value)
        except OverflowError:
            raise ValueError(f"{name} must be a finite number, got {shown(value)}") from None
    array = as_array(name, value)
    if array.ndim or array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be a number, got {shown(value)}")
    x = float(array)
    if not RANGES[range][1](np.asarray(x)):
        raise ValueError(f"{name} must be {requirement(range, math.isfinite(x))}, got {x}")
    return x


def flag(name: str, value: Any) -> bool:
    """`value` as a bool, or the error that names it."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


def float_dtype(dtype: Any) -> np.dtype[Any]:
    """float32 or float64, given by name or as NumPy's type, or the error that names it."""
    try:
        kind: np.dtype[Any] | None = None if dtype is None else np.dtype(dtype)
    except TypeError:
        kind = None
    if kind is None or kind not in (np.float32, np.float64):
        raise ValueError(f"dtype must be 'float64' or 'float32', got {shown(dtype)}")
    return kind


def file_path(path: Any) -> Path:
    """`path` as a Path, or the error that names it."""
    try:
        return Path(path)
    except TypeError:
        raise TypeError(f"path must be the path of a file, got {shown(path)}") from None


def whole_number(name: str, value: Any, minimum: int = 0) -> int:
    """`value` as an int, or the error that names it."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be a whole number, got {shown(value)}")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value}")
    return int(value)


def seed_number(name: str, value: Any) -> int:
    """A seed as an int, or the error that names it."""
    seed = whole_number(name, value)
    if seed >= 2**63:
        raise ValueError(f"{name} must be less than 2**63, got {seed}")
    return seed


def numbers(name: str, value: ArrayLike, range: str = "any", each: str = "index") -> NDArray[np.float64]:
    """`value` as a read-only float array, or the error that names the first bad entry; there is one for `each`."""
    array = as_array(name, value)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be numbers, got {shown(value)} of dtype {array.dtype}")
    array = np.array(array, dtype=np.float64)
    good = np.asarray(RANGES[range][1](array))
    if not good.all():
        where = tuple(int(k) for k in np.argwhere(~good)[0])
        place = "" if array.ndim == 0 else f" ({each} {where[0]})" if array.ndim == 1 else f" (index {where})"
        bad = float(array[where])
        raise ValueError(f"{name} must be {requirement(range, math.isfinite(bad))}, got {bad}{place}")
    array.flags.writeable = False
    return array


def number_or_array(name: str, value: Any, range: str, each: str) -> float | NDArray[np.float64]:
    """One number, or an array with one for `each` neuron, target or spike."""
    if isinstance(value, str | bytes) or as_array(name, value).ndim == 0:
        return number(name, value, range)
    array = numbers(name, value, range, each)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be one number or a 1-d array with one per {each}, got shape {array.shape}")
    return array


T = TypeVar("T")


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(quantity, option))
def parameterised(cls: type[T]) -> type[T]:
    """Makes a class a frozen keyword-only dataclass and writes the Parameters section of its docstring."""
    made: type[T] = dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)(cls)
    lines = ["", "Parameters", "----------"]
    for field in dataclasses.fields(made):  # type: ignore[arg-type]
        meta = field.metadata
        if not meta:
            continue
        kind = meta.get("kind", "float or array_like" if meta.get("varies") else "float")
        given = field.default is not dataclasses.MISSING
        lines.append(f"{field.name} : {kind}" + (f", default {field.default!r}" if given else ""))
        unit = f" [{meta['unit']}]" if meta.get("unit", "1") != "1" else ""
        bounds = f" Must be {RANGES[meta['range']][0]}." if meta.get("range", "any") != "any" else ""
        each = f" One number, or one per {meta['each']}." if meta.get("varies") else ""
        lines.append(f"    {meta['description']}{unit}.{bounds}{each}")
    doc = _dedent(made.__doc__ or "")
    head, marker, tail = doc.partition("\nNotes\n-----")
    made.__doc__ = head.rstrip() + "\n" + "\n".join(lines) + "\n" + (marker + tail if marker else "")
    return made


def _dedent(doc: str) -> str:
    first, _, rest = doc.partition("\n")
    lines = rest.splitlines()
    margin = min((len(x) - len(x.lstrip()) for x in lines if x.strip()), default=0)
    return "\n".join([first.strip(), *(x[margin:].rstrip() for x in lines)]).strip()


class Parameters:
    """Base of everything made by :func:`parameterised`."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            meta = field.metadata
            value = getattr(self, field.name)
            if "unit" not in meta or (meta["optional"] and value is None):
                continue
            if meta["varies"]:
                checked: Any = number_or_array(field.name, value, meta["range"], meta["each"])
            else:
                checked = number(field.name, value, meta["range"])
            object.__setattr__(self, field.name, checked)
        self._validate()

    def _validate(self) -> None:
        """Checks beyond single numbers; overridden where there are any."""

    def replace(self, **changes: Any) -> Self:
        """A copy with some parameters changed; an unknown name is a TypeError.

        Parameters
        ----------
        **changes
            New values by name.
        """
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]

    @classmethod
    def units(cls) -> dict[str, str]:
        """Unit of every numeric parameter by name."""
        return {f.name: f.metadata["unit"] for f in dataclasses.fields(cls) if "unit" in f.metadata}  # type: ignore[arg-type]

    def to_dict(self) -> dict[str, Any]:
        """Class name and parameters as plain values, for provenance and files."""
        fields = {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}  # type: ignore[arg-type]
        return {"class": type(self).__name__, **fields}

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        names = [f.name for f in dataclasses.fields(self)]  # type: ignore[arg-type]
        return all(_same(getattr(self, name), getattr(other, name)) for name in names)

    def __hash__(self) -> int:
        return hash(repr(self.to_dict()))

    def __repr__(self) -> str:
        units = self.units()
        parts = []
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            unit = units.get(field.name, "1")
            shown = f"<{value.size} values>" if isinstance(value, np.ndarray) and value.size > 6 else f"{value!r}"
            if isinstance(value, np.ndarray) and value.size <= 6:
                shown = str(value.tolist())
            parts.append(f"{field.name}={shown}" + (f" {unit}" if unit != "1" and value is not None else ""))
        return f"{type(self).__name__}({', '.join(parts)})"


def _plain(value: Any) -> Any:
    if isinstance(value, Parameters):
        return value.to_dict()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {key: _plain(x) for key, x in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(x) for x in value]
    return value


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return bool(np.array_equal(a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[name], b[name]) for name in a)
    return bool(a == b)


def steps(name: str, value: Any, dt: float, minimum: int = 0) -> int:
    """A duration in ms as a whole number of steps of `dt`; an error if it is not one."""
    duration = number(name, value, "positive" if minimum else "nonnegative")
    if not duration / dt < MOST_STEPS:
        raise ValueError(f"{name} must be less than 2**53 steps of dt = {dt} ms, got {duration} ms")
    count = round(duration / dt)
    if not math.isclose(count * dt, duration, rel_tol=1e-9, abs_tol=1e-9 * dt):
        raise ValueError(f"{name} must be a multiple of dt = {dt} ms, got {duration} ms")
    if count < minimum:
        raise ValueError(f"{name} must be at least {minimum * dt} ms ({minimum} steps of dt), got {duration} ms")
    return count
