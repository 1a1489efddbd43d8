"""Units of recordings, and the names under which their quantities go. Read ``arrays.py`` next."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..parameters import shown

# What one of each unit is in ms, mV and pA, the units of the package.
TIMES = {"s": 1e3, "ms": 1.0, "us": 1e-3, "ns": 1e-6, "min": 6e4}
VOLTAGES = {"V": 1e3, "mV": 1.0, "uV": 1e-3, "nV": 1e-6}
CURRENTS = {"A": 1e12, "mA": 1e9, "uA": 1e6, "nA": 1e3, "pA": 1.0, "fA": 1e-3}
UNITS = {"time": TIMES, "v": VOLTAGES, "I": CURRENTS}
OWN = {"time": "ms", "v": "mV", "I": "pA"}
LONG = {"volts": "V", "volt": "V", "amperes": "A", "ampere": "A", "amps": "A", "seconds": "s", "milliseconds": "ms"}

# Names by quantity: of columns, of arrays in a dict or an archive. Case does not matter, a unit may follow.
NAMES = {
    "spike_time": ("spike_time", "spike_times", "spikes"),
    "neuron": ("neuron", "spike_neuron", "unit", "cell"),
    "trial": ("trial", "spike_trial", "sweep", "repetition"),
    "time": ("time", "t"),
    "v": ("v", "voltage", "vm", "membrane_potential"),
    "I": ("i", "current"),
    "dt": ("dt",),
}
KIND = {"spike_time": "time", "time": "time", "dt": "time", "v": "v", "I": "I"}


def factor(kind: str, unit: str, name: str) -> float:
    """What to multiply numbers in `unit` with, or the error that names it."""
    known = UNITS[kind]
    found = LONG.get(unit, unit).replace("µ", "u").replace("μ", "u")
    if found not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, got {shown(unit)}")
    return known[found]


class Names:
    """Which column, array or signal holds which quantity, and in what unit."""

    def __init__(self, units: Any, columns: Any) -> None:
        if units is None or isinstance(units, str):
            units = {} if units is None else {"time": units}
        if not isinstance(units, Mapping):
            raise TypeError(f"units must be a unit of time such as 's', or a dict of units, got {shown(units)}")
        for kind, unit in units.items():
            if kind not in UNITS:
                raise ValueError(f"units must be of {', '.join(UNITS)}, got one of {shown(kind)}")
            if not isinstance(unit, str):
                raise TypeError(f"units[{kind!r}] must be a unit such as {OWN[kind]!r}, got {shown(unit)}")
            factor(kind, unit, f"units[{kind!r}]")
        if columns is not None and not isinstance(columns, Mapping):
            raise TypeError(f"columns must be a dict of names, such as {{'v': 'voltage'}}, got {shown(columns)}")
        for quantity, name in (columns or {}).items():
            if quantity not in NAMES:
                raise ValueError(f"columns must be for {', '.join(NAMES)}, got one for {shown(quantity)}")
            if not isinstance(name, str):
                raise TypeError(f"columns[{quantity!r}] must be a name, got {shown(name)}")
        self.units, self.columns = dict(units), dict(columns or {})

    def scale(self, kind: str, unit: str | None = None) -> float:
        """Factor to ms, mV or pA: of what the caller says, else of what the recording says, else 1."""
        return factor(kind, self.units.get(kind, unit or OWN[kind]), f"units[{kind!r}]")

    def find(self, available: Iterable[str]) -> dict[str, tuple[str, float]]:
        """Name and factor of every quantity among the available names."""
        names = list(available)
        found: dict[str, tuple[str, float]] = {}
        for quantity, known in NAMES.items():
            wanted = self.columns.get(quantity)
            if wanted is not None and wanted not in names:
                raise ValueError(f"columns[{quantity!r}] must be one of {shown(names)}, got {wanted!r}")
            for name in names if wanted is None else [wanted]:
                base, unit = _split(name)
                if wanted is None and (base.lower() not in known or name in self.columns.values()):
                    continue
                if wanted is None and quantity in found:
                    raise ValueError(
                        f"columns must say which is {quantity!r}, {found[quantity][0]!r} or {name!r}, got"
                        f" {shown(self.columns)}"
                    )
                kind = KIND.get(quantity)
                known_unit = unit if kind is not None and unit in UNITS[kind] else None
                found[quantity] = (name, 1.0 if kind is None else self.scale(kind, known_unit))
        return found


def _split(name: str) -> tuple[str, str | None]:
    """A name without its unit, and the unit: "voltage_mV", "time (s)" or "I [nA]"."""
    text = name.strip().replace("µ", "u").replace("μ", "u")
    match = re.fullmatch(r"(.+?)\s*[\[(]([^\])]+)[\])]", text) or re.fullmatch(r"(.+)_([a-zA-Z]+)", text)
    if match and any(LONG.get(match[2], match[2]) in units for units in UNITS.values()):
        return match[1], LONG.get(match[2], match[2])
    return text, None
