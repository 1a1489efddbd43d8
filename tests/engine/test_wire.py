"""The text of a request, against Python's own TOML reader."""

import tomllib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyspikenet.engine.wire import native, plain, to_toml

# No surrogates: they are not text.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
KEYS = TEXT.filter(bool)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def lists(of: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(of, max_size=4)


LEAVES = st.booleans() | INTEGERS | FLOATS | TEXT | lists(INTEGERS) | lists(FLOATS) | lists(TEXT) | lists(st.booleans())
TREES = st.dictionaries(
    KEYS,
    st.recursive(
        LEAVES,
        lambda inner: st.dictionaries(KEYS, inner, max_size=3) | lists(st.dictionaries(KEYS, inner, max_size=3)),
        max_leaves=8,
    ),
    max_size=5,
)


def signed(tree: object) -> str:
    """Unlike ==, tells 1 from 1.0 and 0.0 from -0.0."""
    return repr(sorted(tree.items())) if isinstance(tree, dict) else repr(tree)


@settings(max_examples=300, deadline=None)
@given(tree=TREES)
def test_text_is_toml_and_means_the_same(tree):
    back = tomllib.loads(to_toml(plain(tree)))
    assert back == tree
    assert signed(back) == signed(tree)


def test_numpy_scalars_and_tuples_become_plain():
    tree = plain({"a": np.float32(0.5), "b": np.int8(-3), "c": np.bool_(True), "d": (1, 2), "e": np.str_("x")})
    assert tree == {"a": 0.5, "b": -3, "c": True, "d": [1, 2], "e": "x"}
    assert [type(x) for x in tree.values()] == [float, int, bool, list, str]


def test_whole_numbers_among_others_become_floating():
    assert signed(plain({"a": [1, 2.5]})) == signed({"a": [1.0, 2.5]})


@pytest.mark.parametrize(
    ("tree", "error", "message"),
    [
        ({"a": float("nan")}, ValueError, "nan cannot be sent"),
        ({"a": -np.inf}, ValueError, "-inf cannot be sent"),
        ({"a": 2**63}, ValueError, "64 bits"),
        ({"a": np.uint64(2**64 - 1)}, ValueError, "64 bits"),
        ({"a": None}, TypeError, "NoneType"),
        ({"a": b"x"}, TypeError, "bytes"),
        ({"a": 1j}, TypeError, "complex"),
        ({"a": np.ones(2)}, TypeError, "ndarray"),
        ({"a": [1, "x"]}, TypeError, "mixes int and str"),
        ({"a": [True, 1]}, TypeError, "mixes bool and int"),
        ({"": 1}, TypeError, "not empty"),
        ({1: 1}, TypeError, "keys must be strings"),
    ],
)
def test_what_toml_cannot_hold_is_refused(tree, error, message):
    with pytest.raises(error, match=message):
        plain(tree)


@pytest.mark.parametrize("values", [["text"], [None], np.array(["2020"], "M8[D]"), np.zeros(2, "f4,i4")])
def test_arrays_of_other_things_are_refused(values):
    with pytest.raises(TypeError, match=r"array 'x' of dtype .* cannot be sent"):
        native("x", values)
