"""Statements: continuation, comments, flags, and assignments."""

import pytest

from pyspikenet.equations.parse import read_assignments, read_statements
from pyspikenet.equations.source import Source

TEXT = """
    # the membrane
    dv/dt = (E_L - v    # comes back : to rest
             + R*I)     # and is driven
            /tau : volt (unless refractory)

    dw/dt=-w/tau:1
    dn / dt = 1/ms : 1
    m_inf = 1 / (1 +
        exp(-v/mV)) : 1
    y = v \\
        + w : mV
    z = 3*mV - v -
        w : mV (constant over dt)
    a, b_1 : 1 (constant)
    area : um**2
    c : uF/(cm**2)
    tau : ms
"""


def test_statements():
    found = read_statements(Source("equations", TEXT))
    assert [(s.kind, s.name, s.held) for s in found] == [
        ("differential", "v", True),
        ("differential", "w", False),
        ("differential", "n", False),
        ("subexpression", "m_inf", False),
        ("subexpression", "y", False),
        ("subexpression", "z", False),
        ("parameter", "a", False),
        ("parameter", "b_1", False),
        ("parameter", "area", False),
        ("parameter", "c", False),
        ("parameter", "tau", False),
    ]
    texts = [" ".join(s.expression.text.split()) for s in found]
    assert texts[0] == "(E_L - v + R*I) /tau"
    assert texts[3:6] == ["1 / (1 + exp(-v/mV))", "v + w", "3*mV - v - w"]
    assert [s.unit.text for s in found] == ["volt", "1", "1", "1", "mV", "mV", "1", "1", "um**2", "uF/(cm**2)", "ms"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(end):
    found = read_statements(Source("equations", end.join(["dv/dt = -v/ms : 1", "x = v : 1", "tau : ms"])))
    assert [(s.name, s.expression.text, s.unit.text) for s in found] == [
        ("v", "-v/ms", "1"),
        ("x", "v", "1"),
        ("tau", "", "ms"),
    ]


def test_a_line_that_begins_like_a_statement_is_one():
    with pytest.raises(ValueError, match="line 1: expected ': unit' after the expression"):
        read_statements(Source("equations", "dv/dt = -v/ms\nx = v : 1"))
    with pytest.raises(ValueError, match=r"line 1: this '\(' is not closed|line 1: expected ': unit'"):
        read_statements(Source("equations", "dv/dt = (-v/ms\ndx/dt = v/ms : 1"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("# nothing", []),
        ("v = -70*mV", [("v", "", "-70*mV")]),
        ("v=c;u+=d", [("v", "", "c"), ("u", "+", "d")]),
        (
            "v = c  # down\n w -= b ;; x *= 2; y /= 3;",
            [("v", "", "c"), ("w", "-", "b"), ("x", "*", "2"), ("y", "/", "3")],
        ),
    ],
)
def test_assignments(text, expected):
    found = read_assignments(Source("reset", text))
    assert [(a.name, a.operator, a.expression.text) for a in found] == expected
