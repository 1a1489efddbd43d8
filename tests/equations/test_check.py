"""Expressions in coherent units are worth what pint says they are worth."""

from fractions import Fraction

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from pyspikenet.equations.check import Scope, read_comparison, read_expression, read_unit
from pyspikenet.equations.source import Source
from pyspikenet.equations.tree import FUNCTIONS, plain, value
from pyspikenet.equations.units import ONE, unit, unit_names

DECLARED = {"v": "mV", "w": "pA", "g": "nS", "C": "pF", "tau": "ms", "rate": "1/ms", "R": "GOhm", "x": "1", "d": "um"}
VALUES = {"v": 63.5, "w": 12.25, "g": 3.75, "C": 281.0, "tau": 20.0, "rate": 0.031, "R": 0.25, "x": 0.7, "d": 11.0}
SCOPE = Scope({name: read_unit(Source("unit", text).whole())[1] for name, text in DECLARED.items()})


def read(text: str):
    return read_expression(Source("text", text).whole(), SCOPE)


EXACT = {
    "-70*mV": "(-70.0)",
    "- 70 * mV": "(-70.0)",
    "0.1*nA": "100.0",
    "0.07*volt": "70.0",
    "100*MOhm": "0.1",
    "10*Hz": "0.01",
    "2*ms": "2.0",
    "1/(4*second)": "0.00025",
    "3*uF/cm**2*(20000*um**2)": "600.0",
    "20*mV + 5*mV": "25.0",
    "20*mV - 0.005*volt": "15.0",
    "1*mV/mV": "1.0",
    "ms**0.5": "1.0",
    "1e-3": "0.001",
    "3": "3.0",
    "0": "0.0",
    "+v": "v",
    "-v": "(-v)",
    "v*mV": "v",
    "mV*v": "v",
    "v/ms": "v",
    "v/second": "(v / 1000.0)",
    "w*nA": "(w * 1000.0)",
    "x*Hz": "(x / 1000.0)",
    "x/Hz": "(x * 1000.0)",
    "2*mV*x": "(2.0 * x)",
    "0.5*mV*x": "(0.5 * x)",
    "x*(0.5*mV)": "(x * 0.5)",
    "Hz*x": "(x / 1000.0)",
    "(0.04/ms/mV)*v**2": "(0.04 * (v ^ 2))",
    "v/(0.25*mV)": "(v / 0.25)",
    "1 + 2": "(1.0 + 2.0)",
    "v - 3*mV - v": "((v - 3.0) - v)",
    "v*g/C/2": "(((v * g) / C) / 2.0)",
    "v + -3*mV": "(v + (-3.0))",
    "x**2": "(x ^ 2)",
    "x^2": "(x ^ 2)",
    "v**-2": "(v ^ (-2))",
    "-x**2": "(-(x ^ 2))",
    "2**-x": "(2.0 ^ (-x))",
    "v**0.5": "(v ^ 0.5)",
    "v**(3 - 1)": "(v ^ 2)",
    "v**(1/2)": "(v ^ (1.0 / 2.0))",
    "x**2**3": "(x ^ (2.0 ^ 3))",
    "exp((v + 50*mV)/(2*mV))": "exp(((v + 50.0) / 2.0))",
    "max(v, 0, -1*mV)": "max(v, 0.0, (-1.0))",
    "clip(w, 0, 2*nA)": "clip(w, 0.0, 2000.0)",
    "relu(v - 1*mV)": "relu((v - 1.0))",
    "sqrt(v*v)": "sqrt((v * v))",
    "pi*x": "(3.141592653589793 * x)",
    "(((x)))": "x",
    "x * (\n  x + 1)": "(x * (x + 1.0))",
}


@pytest.mark.parametrize(("text", "expected"), EXACT.items(), ids=EXACT)
def test_plain_text(text, expected, evaluate):
    node = read(text)
    assert plain(node) == expected
    # The plain text is worth the same as the tree.
    np.testing.assert_allclose(evaluate(expected, VALUES | FUNCTIONS), value(node, VALUES), rtol=1e-15)


DIMENSIONS = {
    "v": "mV",
    "g*v": "pA",
    "g*v/C": "mV/ms",
    "R*w": "mV",
    "R*C": "ms",
    "1/(R*C)": "1/ms",
    "w/(10*mV)": "nS",
    "v**2/(ms*mV)": "mV/ms",
    "sqrt(v*v)": "mV",
    "v**0.5": "mV**(1/2)",
    "abs(v)": "mV",
    "relu(w)": "pA",
    "tanh(x)": "1",
    "max(0, v)": "mV",
    "min(v, 0, 3*mV)": "mV",
    "clip(w, 0, 3*pA)": "pA",
    "C/(pi*d**2)": "pF/um**2",
    "0 + v": "mV",
    "mV*ms**-0.5": "mV/ms**(1/2)",
}


@pytest.mark.parametrize(("text", "expected"), DIMENSIONS.items(), ids=DIMENSIONS)
def test_dimension(text, expected):
    assert str(read(text).dimension) == expected


def test_zero_fits_everywhere():
    assert read("0").dimension is None
    assert read("0.0*3").dimension == ONE
    assert read("-0").dimension is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v > -40*mV", ("v", ">", "(-40.0)")),
        ("v >= w*R", ("v", ">=", "(w * R)")),
        ("-40*mV < v", ("v", ">", "(-40.0)")),
        ("0 <= v", ("v", ">=", "0.0")),
        ("v > 0", ("v", ">", "0.0")),
    ],
)
def test_comparison(text, expected):
    left, operator, right = read_comparison(Source("threshold", text).whole(), SCOPE)
    assert (plain(left), operator, plain(right)) == expected


# ---- against pint: random expressions in any units ------------------------------------------------------------------

SAMPLE = ["mV", "volt", "uV", "nA", "pA", "uS", "MOhm", "kohm", "nF", "second", "us", "Hz", "kHz", "cm", "um", "mM"]
NUMBERS = st.floats(0.01, 100).map(lambda x: repr(round(x, 3)))


@st.composite
def expressions(draw, depth: int = 3) -> str:
    kind = draw(
        st.sampled_from(["number", "unit", "name", "*", "/", "+", "-", "**", "call"] if depth else ["name", "unit"])
    )
    if kind == "number":
        return draw(NUMBERS)
    if kind == "unit":
        return f"{draw(NUMBERS)}*{draw(st.sampled_from(SAMPLE))}"
    if kind == "name":
        return draw(st.sampled_from(sorted(DECLARED)))
    inner = draw(expressions(depth=depth - 1))
    if kind == "**":
        return f"({inner})**{draw(st.sampled_from([2, -1, 3, 0.5]))}"
    if kind == "call":
        return f"abs({inner})"
    if kind in "+-":  # of the same unit
        return f"({inner}) {kind} {draw(NUMBERS)}*({inner})"
    return f"({inner}) {kind} ({draw(expressions(depth=depth - 1))})"


@pytest.fixture(scope="module")
def quantities():
    import pint

    registry = pint.UnitRegistry()
    names = {n: registry.Quantity(1.0, m) for n, m in unit_names().items()}
    names |= {n: registry.Quantity(VALUES[n], u.replace("O", "o")) for n, u in DECLARED.items()}
    return registry, names | {"abs": abs}


@settings(max_examples=300, deadline=None)
@given(text=expressions())
def test_worth_the_same_as_with_pint(text, quantities, evaluate):
    registry, names = quantities
    positive = {n: abs(x) if n != "abs" else x for n, x in names.items()}
    there = {n: abs(x) for n, x in VALUES.items()}
    try:
        expected = evaluate(text, positive)
    except (ZeroDivisionError, OverflowError):
        return
    if isinstance(expected.magnitude if hasattr(expected, "magnitude") else expected, complex):
        return
    node = read(text)
    coherent = registry.Quantity(1.0)
    for base, power in zip(["ms", "mV", "pA", "um", "amol", "K"], (node.dimension or ONE).powers, strict=True):
        coherent = coherent * registry.Quantity(1.0, base) ** float(power)
    ratio = registry.Quantity(expected / coherent).to("dimensionless").magnitude
    with np.errstate(all="ignore"):
        number = evaluate(plain(node), there | FUNCTIONS)
    if np.isfinite(ratio) and np.isfinite(number):
        np.testing.assert_allclose(number, ratio, rtol=1e-9, atol=1e-300)


@settings(max_examples=200)
@given(number=st.floats(allow_nan=False, allow_infinity=False, min_value=1e-300, max_value=1e300))
def test_numbers_and_decimal_factors_are_rounded_once(number):
    assert float(plain(read(repr(number)))) == number
    for name in ("mV", "nA", "MOhm", "Hz"):
        factor, _ = unit(name)
        assert float(value(read(f"{number!r}*{name}"), {})) == float(Fraction(repr(number)) * factor)
