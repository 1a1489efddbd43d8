"""What a search may choose from: dimensions with names, and what the numbers of a candidate are."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..parameters import as_array, flag, number, shown, whole_number

Floats = NDArray[np.float64]


def _ordered(low: float, high: float) -> None:
    if not low < high:
        raise ValueError(f"low must be below high, got low {low} and high {high}")
    if not math.isfinite(high - low):
        raise ValueError(f"high - low must be a finite number, got low {low} and high {high}")


@dataclass(frozen=True)
class Real:
    """A real number between two bounds.

    Parameters
    ----------
    low, high : float
        Bounds; both may be reached.
    log : bool, default False
        Whether the scale is logarithmic, so that 1 to 10 is as wide as 10 to 100; then `low` must be positive.
    """

    low: float
    high: float
    log: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "log", flag("log", self.log))
        object.__setattr__(self, "low", number("low", self.low, "positive" if self.log else "any"))
        object.__setattr__(self, "high", number("high", self.high))
        _ordered(self.low, self.high)


@dataclass(frozen=True)
class Integer:
    """A whole number between two bounds.

    Parameters
    ----------
    low, high : int
        Bounds; both may be reached.
    log : bool, default False
        Whether the scale is logarithmic; then `low` must be at least 1.
    """

    low: int
    high: int
    log: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "log", flag("log", self.log))
        for name in ("low", "high"):
            least = 1 if self.log and name == "low" else -(2**52)
            object.__setattr__(self, name, whole_number(name, getattr(self, name), least))
        if self.high > 2**52:
            raise ValueError(f"high must be at most 2**52, got {self.high}")
        _ordered(self.low, self.high)


@dataclass(frozen=True)
class Categorical:
    """One of several values that have no order.

    Parameters
    ----------
    choices : sequence
        The values, at least two, of any kind; a candidate holds the number of one, from 0.
    """

    choices: Sequence[Any]

    def __post_init__(self) -> None:
        if isinstance(self.choices, str | bytes) or not isinstance(self.choices, Sequence | np.ndarray):
            raise TypeError(f"choices must be a sequence of values, got {shown(self.choices)}")
        object.__setattr__(self, "choices", tuple(self.choices))
        if len(self.choices) < 2:
            raise ValueError(f"choices must be at least two, got {shown(self.choices)}")

    @property
    def low(self) -> int:
        return 0

    @property
    def high(self) -> int:
        return len(self.choices) - 1

    @property
    def log(self) -> bool:
        return False


Dimension = Real | Integer | Categorical
KINDS: dict[type[Any], str] = {Real: "real", Integer: "integer", Categorical: "category"}


class Space:
    """Dimensions in the order in which they were given.

    Parameters
    ----------
    dimensions : mapping
        Name to (low, high) or to a :class:`Real`, :class:`Integer` or :class:`Categorical`.
    """

    def __init__(self, dimensions: Mapping[str, Any]) -> None:
        if not isinstance(dimensions, Mapping) or not dimensions:
            raise TypeError(
                "space must be a dict of names with (low, high), Real, Integer or Categorical, at least one,"
                f" got {shown(dimensions)}"
            )
        self.dimensions: dict[str, Dimension] = {name: _dimension(name, x) for name, x in dimensions.items()}

    @property
    def names(self) -> list[str]:
        return list(self.dimensions)

    @property
    def low(self) -> Floats:
        """The lower bound of each dimension, in the user's units."""
        return np.array([x.low for x in self.dimensions.values()], float)

    @property
    def high(self) -> Floats:
        """The upper bound of each dimension."""
        return np.array([x.high for x in self.dimensions.values()], float)

    @property
    def log(self) -> NDArray[np.bool_]:
        """Whether the scale of each dimension is logarithmic."""
        return np.array([x.log for x in self.dimensions.values()])

    def __len__(self) -> int:
        return len(self.dimensions)

    def __repr__(self) -> str:
        return f"Space({self.dimensions!r})"

    def decode(self, candidates: Any) -> list[dict[str, Any]]:
        """Each candidate as values by name: floats, ints, and the values that were to choose from."""
        rows = self.rows("candidates", candidates)
        return [{name: self._value(name, x) for name, x in zip(self.names, row, strict=True)} for row in rows.tolist()]

    def _value(self, name: str, x: float) -> Any:
        dimension = self.dimensions[name]
        if isinstance(dimension, Real):
            return x
        return int(x) if isinstance(dimension, Integer) else dimension.choices[int(x)]

    def encode(self, values: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Floats:
        """Candidates from values by name: what :meth:`decode` undoes."""
        given = [values] if isinstance(values, Mapping) else values
        return self.rows("values", [self._row(x) for x in given])

    def _row(self, values: Mapping[str, Any]) -> list[float]:
        if set(values) != set(self.names):
            raise ValueError(f"values must be given for {', '.join(self.names)}, got {shown(list(values))}")
        row = []
        for name, dimension in self.dimensions.items():
            value = values[name]
            if isinstance(dimension, Categorical):
                if value not in dimension.choices:
                    raise ValueError(f"{name} must be one of {shown(dimension.choices)}, got {shown(value)}")
                value = dimension.choices.index(value)
            row.append(number(name, value))
        return row

    def rows(self, name: str, given: Any) -> Floats:
        """`given` as an array of candidates, or the error that names the first number that cannot be one."""
        array = as_array(name, given)
        if array.ndim != 2 or array.shape[1] != len(self) or array.dtype.kind not in "iuf":
            raise ValueError(
                f"{name} must be an array of shape (candidates, {len(self)}), one column for each of"
                f" {', '.join(self.names)}, got {shown(given)}"
            )
        rows = np.array(array, dtype=np.float64)
        for j, (column, dimension) in enumerate(self.dimensions.items()):
            x = rows[:, j]
            good = (x >= dimension.low) & (x <= dimension.high)
            if not isinstance(dimension, Real):
                good &= x == np.round(x)
            if not good.all():
                k = int(np.argmin(good))
                what = "a number" if isinstance(dimension, Real) else "a whole number"
                raise ValueError(
                    f"{column} must be {what} from {dimension.low} to {dimension.high}, got {x[k]} (row {k} of {name})"
                )
        return rows

    def to_wire(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Parameters and arrays for SpikeCore."""
        return {"kinds": [KINDS[type(x)] for x in self.dimensions.values()]}, {
            "log": self.log,
            "low": self.low,
            "high": self.high,
        }


def _dimension(name: Any, given: Any) -> Dimension:
    if not isinstance(name, str):
        raise TypeError(f"names in space must be strings, got {shown(name)}")
    if isinstance(given, Real | Integer | Categorical):
        return given
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise TypeError(f"space[{name!r}] must be (low, high), Real, Integer or Categorical, got {shown(given)}")
    try:
        return Real(*given)
    except (TypeError, ValueError) as problem:
        raise type(problem)(f"space[{name!r}]: {problem}") from None


def space_of(given: Any) -> Space:
    """`given` as a Space, or the error that names it."""
    return given if isinstance(given, Space) else Space(given)
