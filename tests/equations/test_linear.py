"""Sums taken apart are worth the same when they are put together again."""

import numpy as np
import pytest

from pyspikenet.equations.check import Scope, read_expression
from pyspikenet.equations.linear import take_apart
from pyspikenet.equations.source import Source
from pyspikenet.equations.tree import plain, value
from pyspikenet.equations.units import ONE

SCOPE = Scope(dict.fromkeys(["a", "b", "p", "q", "y"], ONE))
VALUES = {"a": 1.7, "b": -0.4, "p": 3.1, "q": 0.6}


def read(text: str):
    return read_expression(Source("text", text).whole(), SCOPE)


def apart(text: str, inside=None):
    return take_apart(read(text), frozenset("ab"), inside or {}, lambda node, why: ValueError(why))


@pytest.mark.parametrize(
    "text",
    [
        "p",
        "a",
        "-a",
        "p - a",
        "a - p",
        "p*a + q*b",
        "(p - a)/q",
        "(p - (a - b)*q)/(p + q)",
        "p*(a*q - 3)/2 - -b",
        "exp(p)*a + q**2 + b",
        "a + a*p",
        "-(p + a)*q",
    ],
)
def test_parts_add_up(text):
    parts = apart(text)
    rest = 0.0 if parts.rest is None else value(parts.rest, VALUES)
    total = rest + sum(value(factor, VALUES) * VALUES[name] for name, factor in parts.factors.items())
    np.testing.assert_allclose(total, value(read(text), VALUES), rtol=1e-14)
    assert set(parts.factors) == set("ab") & set(text.replace("exp", ""))


def test_factors_of_one_are_left_out():
    parts = apart("p*a/q + b")
    assert {name: plain(factor) for name, factor in parts.factors.items()} == {"a": "(p / q)", "b": "1.0"}
    assert parts.rest is None


def test_subexpressions_are_put_in():
    inside = {"y": apart("q*a + p")}
    parts = apart("2*y - b", inside)
    assert plain(parts.rest) == "(2.0 * p)"
    assert {name: plain(factor) for name, factor in parts.factors.items()} == {"a": "(2.0 * q)", "b": "(-1.0)"}
    with pytest.raises(ValueError, match="y is multiplied by a"):
        apart("a*y", inside)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a*b", "b is multiplied by a"),
        ("p*(a*q)*(q - a)", "a is multiplied by a"),
        ("p/a", "a stands below /"),
        ("a/(p + b)", "b stands below /"),
        ("a^2", "a stands in a power"),
        ("p^a", "a stands in a power"),
        ("exp(p*a)", r"a stands inside exp\(...\)"),
    ],
)
def test_not_linear(text, message):
    with pytest.raises(ValueError, match=message):
        apart(text)
