"""Units: names to exact factors of the coherent system ms, mV, pA, nS, pF, GOhm, um, and dimensions of products.

A value in coherent units needs no factor anywhere: nS * mV is pA, pA / pF is mV / ms. The meaning of a name is pint's;
which names there are is said here. Next: check.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

# What a symbol stands for, the prefixes it may have, and pint's name for it.
_SYMBOLS: dict[str, tuple[str, str]] = {
    "V": ("u m n k", "volt"),
    "A": ("f p n u m", "ampere"),
    "S": ("f p n u m", "siemens"),
    "F": ("f p n u m", "farad"),
    "C": ("f p n u m", "coulomb"),
    "Ohm": ("m k M G", "ohm"),
    "s": ("n u m", "second"),
    "Hz": ("m k M", "hertz"),
    "m": ("n u m c k", "meter"),
    "M": ("n u m", "molar"),
    "mol": ("f p n u m", "mole"),
    "K": ("m", "kelvin"),
    "L": ("n u m", "liter"),
}
_WORDS = ("volt", "amp", "ampere", "siemens", "farad", "coulomb", "ohm", "second", "hertz", "molar", "mole", "kelvin")
_LENGTHS = ("meter", "metre", "liter", "litre")
_PREFIXES = {"f": "femto", "p": "pico", "n": "nano", "u": "micro", "m": "milli", "k": "kilo", "M": "mega", "G": "giga"}
# Symbols of one letter are names of parameters in expressions: C, m, V. There the unit is written out: volt.
_BARE = frozenset(["V", "A", "S", "F", "C", "s", "m", "M", "K", "L"])


@cache
def unit_names() -> dict[str, str]:
    """All names of units that an expression may use, and what pint calls them."""
    names: dict[str, str] = {}
    for symbol, (prefixes, word) in _SYMBOLS.items():
        if symbol not in _BARE:
            names[symbol] = word
        for prefix in prefixes.split():
            names[prefix + symbol] = ("centi" if prefix == "c" else _PREFIXES[prefix]) + word
            if symbol == "Ohm":
                names[prefix + "ohm"] = names[prefix + symbol]
    for word in (*_WORDS, *_LENGTHS):
        names[word] = word
        longer = {"c": "centi", "d": "deci"} if word in _LENGTHS else {}
        for prefix, long in (_PREFIXES | longer).items():
            names[prefix + word] = names[long + word] = long + word
    for length in ("nm", "um", "mm", "cm", "umeter", "umetre", "cmeter", "cmetre", "meter", "metre"):
        for power in (2, 3):
            names[f"{length}{power}"] = f"{names[length]} ** {power}"
    return names


@dataclass(frozen=True)
class Dimension:
    """A product of powers of ms, mV, pA, um, amol and K."""

    powers: tuple[Fraction, ...] = (Fraction(0),) * 6

    def __mul__(self, other: "Dimension") -> "Dimension":
        return Dimension(tuple(a + b for a, b in zip(self.powers, other.powers, strict=True)))

    def __truediv__(self, other: "Dimension") -> "Dimension":
        return self * other ** Fraction(-1)

    def __pow__(self, exponent: Fraction) -> "Dimension":
        return Dimension(tuple(a * exponent for a in self.powers))

    def __str__(self) -> str:
        return "1" if self == ONE else min(self._spellings(), key=len)

    def _spellings(self) -> Iterator[str]:
        """This unit as a product of a named one and what then is left."""
        for name, unit in _NAMED.items():
            rest = self / unit
            parts = [(n, p) for n, p in zip(_BASIS, rest.powers, strict=True) if p]
            over = [_power(n, p) for n, p in parts if p > 0]
            under = [_power(n, -p) for n, p in parts if p < 0]
            front = "*".join([name, *over] if unit != ONE else over) or "1"
            yield "/".join([front, *under])


def _power(name: str, power: Fraction) -> str:
    if power == 1:
        return name
    return f"{name}**{power}" if power.denominator == 1 else f"{name}**({power})"


ONE = Dimension()
_BASIS = ("ms", "mV", "pA", "um", "amol", "K")


def _base(**powers: int) -> Dimension:
    return Dimension(tuple(Fraction(powers.get(name, 0)) for name in _BASIS))


TIME = _base(ms=1)
CURRENT = _base(pA=1)
NOISE = TIME ** Fraction(-1, 2)
_NAMED = {
    "1": ONE,
    "ms": TIME,
    "mV": _base(mV=1),
    "pA": CURRENT,
    "nS": _base(pA=1, mV=-1),
    "GOhm": _base(mV=1, pA=-1),
    "pF": _base(pA=1, ms=1, mV=-1),
    "fC": _base(pA=1, ms=1),
    "um": _base(um=1),
    "mM": _base(amol=1, um=-3),
}


@cache
def _registry() -> Any:
    import pint

    return pint.UnitRegistry(non_int_type=Fraction)


@cache
@cache
def unit(name: str) -> tuple[Fraction, Dimension]:
    """The exact factor from the unit called `name` to the coherent system, and its dimension.

    Parameters
    ----------
    name : str
        A name of :func:`unit_names`, or a symbol of one letter such as "V".

    Raises
    ------
    KeyError
        Where there is no such unit.
    """
    meaning = _SYMBOLS[name][1] if name in _BARE else unit_names()[name]
    quantity = _registry().Quantity(Fraction(1), meaning).to_root_units()
    si = {key.strip("[]"): Fraction(power) for key, power in quantity.dimensionality.items()}
    mass, length, time = si.pop("mass", Fraction(0)), si.pop("length", Fraction(0)), si.pop("time", Fraction(0))
    current, substance = si.pop("current", Fraction(0)), si.pop("substance", Fraction(0))
    temperature = si.pop("temperature", Fraction(0))
    # gram = 10^9 mV pA ms^3 / um^2; pint's roots are gram, metre, second, ampere, mole, kelvin.
    decades = 9 * mass + 6 * length + 3 * time + 12 * current + 18 * substance
    factor = Fraction(quantity.magnitude) * Fraction(10) ** int(decades)
    return factor, Dimension((time + 3 * mass, mass, current + mass, length - 2 * mass, substance, temperature))


def is_unit(name: str) -> bool:
    """Whether a name means a unit wherever it stands."""
    return name in unit_names()


def written_out(name: str) -> str | None:
    """The long name of a unit whose symbol is one letter, as expressions need it: "volt" for "V"."""
    return {"A": "amp"}.get(name, _SYMBOLS[name][1]) if name in _BARE else None
