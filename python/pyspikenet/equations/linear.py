"""Sums that are linear in some names, taken apart: noise from drift, and the coefficients of linear equations.

Next: system.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from .tree import Binary, Call, Name, Negative, Node, Number, multiply, names
from .units import ONE


@dataclass(frozen=True)
class Parts:
    """`rest` + the sum of `factors[name]` * name; None for a rest of zero."""

    rest: Node | None
    factors: Mapping[str, Node]


def take_apart(
    node: Node, linear: frozenset[str], inside: Mapping[str, Parts], error: Callable[[Node, str], Exception]
) -> Parts:
    """An expression as a sum linear in some names.

    Parameters
    ----------
    node : Node
        The expression.
    linear : frozenset of str
        The names.
    inside : mapping of str to Parts
        Subexpressions in which these names occur, taken apart already.
    error : callable
        Makes what is raised of the place and the reason where the expression is not linear.
    """

    def again(inner: Node) -> Parts:
        return take_apart(inner, linear, inside, error)

    def occurs(inner: Node) -> Name | None:
        return next((n for n in names(inner) if n.name in linear or n.name in inside), None)

    match node:
        case Name(name=name) if name in linear:
            return Parts(None, {name: Number(node.place, ONE, Fraction(1))})
        case Name(name=name) if name in inside:
            return inside[name]
        case _ if occurs(node) is None:
            return Parts(node, {})
        case Negative(inner=inner):
            parts = again(inner)
            return _mapped(parts, lambda x: replace(node, inner=x))
        case Binary(operator="+" | "-" as operator, left=left, right=right):
            return _sum(node, operator, again(left), again(right))
        case Binary(operator="*", left=left, right=right):
            one, other = occurs(left), occurs(right)
            if one is not None and other is not None:
                raise error(other, f"{other.name} is multiplied by {one.name}")
            if one is not None:
                return _mapped(again(left), lambda x: multiply(x, right))
            return _mapped(again(right), lambda x: multiply(left, x))
        case Binary(operator="/", left=left, right=right) if occurs(right) is None:
            return _mapped(again(left), lambda x: Binary(node.place, node.dimension, "/", x, right))
        case Binary(operator=operator, right=right):
            found = occurs(right) or occurs(node)
            assert found is not None
            raise error(found, f"{found.name} stands {'below /' if operator == '/' else 'in a power'}")
        case Call(function=function):
            found = occurs(node)
            assert found is not None
            raise error(found, f"{found.name} stands inside {function}(...)")
    raise TypeError(f"not an expression: {node!r}")


def _mapped(parts: Parts, change: Callable[[Node], Node]) -> Parts:
    rest = None if parts.rest is None else change(parts.rest)
    return Parts(rest, {name: change(factor) for name, factor in parts.factors.items()})


def _sum(node: Binary, operator: str, a: Parts, b: Parts) -> Parts:
    def joined(x: Node | None, y: Node | None) -> Node | None:
        if y is None:
            return x
        if x is None:
            return y if operator == "+" else Negative(y.place, y.dimension, y)
        return replace(node, left=x, right=y)

    both = dict.fromkeys([*a.factors, *b.factors])
    factors = {name: joined(a.factors.get(name), b.factors.get(name)) for name in both}
    return Parts(joined(a.rest, b.rest), {name: x for name, x in factors.items() if x is not None})
