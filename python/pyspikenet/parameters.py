"""Parameters with unit, range and description: one declaration drives validation, docstring, repr and units.

Every model, kernel and stimulus is a frozen dataclass made with :func:`parameterised`, its fields with
:func:`quantity`.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar, dataclass_transform

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
    optional: bool = False,
) -> Any:
    """A numeric field: `unit` ("1" for none), allowed `range`, and whether it may differ between neurons."""
    metadata = {"unit": unit, "description": description, "range": range, "varies": varies, "optional": optional}
    return dataclasses.field(default=default, metadata=metadata)


def option(*, default: Any = dataclasses.MISSING, kind: str, description: str) -> Any:
    """A field that is not a number; the class checks it in ``_validate``."""
    return dataclasses.field(default=default, metadata={"kind": kind, "description": description})


def number(name: str, value: Any, range: str = "any") -> float:
    """`value` as a float, or the error that names it."""
    if isinstance(value, bool | np.bool_ | str | bytes) or value is None:
        raise TypeError(f"{name} must be a number, got {value!r}")
    try:
        x = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, got {value!r}") from None
    text, allowed = RANGES[range]
    if not allowed(np.asarray(x)):
        raise ValueError(f"{name} must be {text}, got {x}")
    return x


def whole_number(name: str, value: Any, minimum: int = 0) -> int:
    """`value` as an int, or the error that names it."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value}")
    return int(value)


def numbers(name: str, value: ArrayLike, range: str = "any") -> NDArray[np.float64]:
    """`value` as a read-only float array, or the error that names the first bad entry."""
    array = np.asarray(value)
    if array.dtype == object or array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be numbers, got an array of dtype {array.dtype}")
    array = np.array(array, dtype=np.float64)
    text, allowed = RANGES[range]
    good = allowed(array)
    if not np.all(good):
        where = tuple(int(k) for k in np.argwhere(~np.asarray(good))[0])
        place = f"neuron {where[0]}" if array.ndim == 1 else f"index {where}"
        raise ValueError(f"{name} must be {text}, got {array[where]} ({place})")
    array.flags.writeable = False
    return array


def number_or_per_neuron(name: str, value: Any, range: str) -> float | NDArray[np.float64]:
    """One number, or an array with one per neuron."""
    if isinstance(value, np.ndarray | list | tuple) and np.ndim(value) > 0:
        array = numbers(name, value, range)
        if array.ndim != 1 or array.size == 0:
            raise ValueError(f"{name} must be one number or a 1-d array with one per neuron, got shape {array.shape}")
        return array
    return number(name, value, range)


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
        each = " One number, or one per neuron." if meta.get("varies") else ""
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
            check = number_or_per_neuron if meta["varies"] else number
            object.__setattr__(self, field.name, check(field.name, value, meta["range"]))
        self._validate()

    def _validate(self) -> None:
        """Checks beyond single numbers; overridden where there are any."""

    def replace(self, **changes: Any) -> Self:
        """A copy with some parameters changed; an unknown name is a TypeError."""
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]

    @classmethod
    def units(cls) -> dict[str, str]:
        """Unit of every numeric parameter by name."""
        return {f.name: f.metadata["unit"] for f in dataclasses.fields(cls) if "unit" in f.metadata}  # type: ignore[arg-type]

    def to_dict(self) -> dict[str, Any]:
        """Class name and parameters as plain values, for provenance and files; see :func:`from_dict`."""
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
    return bool(a == b)


def steps(name: str, value: Any, dt: float, minimum: int = 0) -> int:
    """A duration in ms as a whole number of steps of `dt`; an error if it is not one."""
    duration = number(name, value, "nonnegative")
    count = round(duration / dt)
    if not math.isclose(count * dt, duration, rel_tol=1e-9, abs_tol=1e-9 * dt):
        raise ValueError(f"{name} must be a multiple of dt = {dt} ms, got {duration} ms")
    if count < minimum:
        raise ValueError(f"{name} must be at least {minimum * dt} ms ({minimum} steps of dt), got {duration} ms")
    return count
