"""Checked expressions as trees, and how they are written out. Next: check.py, which makes them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .units import ONE, Dimension


@dataclass(frozen=True)
class Node:
    """`place`: where it begins in its piece of text. `dimension`: None for a zero, which fits everywhere."""

    place: int
    dimension: Dimension | None


@dataclass(frozen=True)
class Number(Node):
    """A constant in coherent units, exact; `measured` where a unit was part of it."""

    value: Fraction
    measured: bool = False


@dataclass(frozen=True)
class Name(Node):
    name: str


@dataclass(frozen=True)
class Negative(Node):
    inner: Node


@dataclass(frozen=True)
class Binary(Node):
    """`operator` is + - * / or ^."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Call(Node):
    function: str
    arguments: tuple[Node, ...]


def plain(node: Node) -> str:
    """The expression as text without units: names, floats, + - * / ^ and calls, every operation in parentheses.

    An exponent that is a whole number is written as one; all other numbers are floats that read back exactly.
    """
    match node:
        case Number(value=value):
            text = repr(float(value))
            return f"({text})" if value < 0 else text
        case Name(name=name):
            return name
        case Negative(inner=inner):
            return f"(-{plain(inner)})"
        case Binary(operator="^", left=left, right=Number(value=value)) if value.denominator == 1:
            return f"({plain(left)} ^ {value})" if value >= 0 else f"({plain(left)} ^ ({value}))"
        case Binary(operator=operator, left=left, right=right):
            return f"({plain(left)} {operator} {plain(right)})"
        case Call(function=function, arguments=arguments):
            return f"{function}({', '.join(map(plain, arguments))})"
    raise TypeError(f"not an expression: {node!r}")


def children(node: Node) -> tuple[Node, ...]:
    match node:
        case Negative(inner=inner):
            return (inner,)
        case Binary(left=left, right=right):
            return (left, right)
        case Call(arguments=arguments):
            return arguments
    return ()


def names(node: Node) -> Iterator[Name]:
    """All names in an expression, from left to right."""
    if isinstance(node, Name):
        yield node
    for child in children(node):
        yield from names(child)


def substituted(node: Node, new: Mapping[str, Node]) -> Node:
    """The expression with other expressions in place of some names."""
    match node:
        case Name(name=name):
            return new.get(name, node)
        case Negative(inner=inner):
            return replace(node, inner=substituted(inner, new))
        case Binary(left=left, right=right):
            return replace(node, left=substituted(left, new), right=substituted(right, new))
        case Call(arguments=arguments):
            return replace(node, arguments=tuple(substituted(a, new) for a in arguments))
    return node


def multiply(left: Node, right: Node) -> Node:
    """The product, without factors of one."""
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Number) and one.value == 1:
            return other
    dimension = (left.dimension or ONE) * (right.dimension or ONE)
    return Binary(left.place, dimension, "*", left, right)


FUNCTIONS: dict[str, Any] = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "tanh": np.tanh,
    "sin": np.sin,
    "cos": np.cos,
    "max": lambda *x: np.maximum.reduce(np.broadcast_arrays(*x)),
    "min": lambda *x: np.minimum.reduce(np.broadcast_arrays(*x)),
    "clip": lambda x, low, high: np.minimum(np.maximum(x, low), high),
    "exprel": lambda x: np.where(np.abs(x) < 1e-16, 1.0, np.expm1(x) / np.where(np.abs(x) < 1e-16, 1.0, x)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0.0),
    "softplus": lambda x: np.logaddexp(0.0, x),
}


def value(node: Node, values: Mapping[str, Any]) -> NDArray[np.float64]:
    """The number, or the numbers per neuron, that an expression of known `values` is."""
    with np.errstate(all="ignore"):
        return _value(node, values)


def _value(node: Node, values: Mapping[str, Any]) -> NDArray[np.float64]:
    match node:
        case Number(value=number):
            return np.asarray(float(number))
        case Name(name=name):
            return np.asarray(values[name], dtype=np.float64)
        case Negative(inner=inner):
            return -_value(inner, values)
        case Call(function=function, arguments=arguments):
            return np.asarray(FUNCTIONS[function](*(_value(a, values) for a in arguments)))
        case Binary(operator=operator, left=left, right=right):
            a, b = _value(left, values), _value(right, values)
            return np.asarray(
                {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "^": np.power}[operator](a, b)
            )
    raise TypeError(f"not an expression: {node!r}")
