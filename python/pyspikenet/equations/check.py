"""Expressions checked node by node: only arithmetic, known names, units and known functions, with units that agree.

Nothing is evaluated: the syntax tree of :mod:`ast` becomes a tree of our own, or a ValueError marks the place.
Next: linear.py.
"""

import ast
import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fractions import Fraction

from .source import Piece
from .tokens import DEEPEST, Tree, read_tree
from .tree import FUNCTIONS, Binary, Call, Name, Negative, Node, Number, names
from .units import ONE, Dimension, is_unit, unit, unit_names, written_out

LARGEST = 1.7976931348623157e308
LARGEST_POWER = 12
PI = Fraction(math.pi)
_OPERATORS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "^"}
_COMPARISONS: dict[type[ast.cmpop], str] = {ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<="}
_KEEPS_UNIT = ("abs", "relu")
_SAME_UNIT = ("max", "min", "clip")


@dataclass(frozen=True)
class Scope:
    """The names that an expression may use.

    Parameters
    ----------
    known : mapping of str to Dimension
        Names and their dimensions.
    elsewhere : mapping of str to str
        Names that mean something, but not here, and why.
    unitless : collection of str
        Parameters for which no unit was given: mentioned where dimensions disagree.
    """

    known: Mapping[str, Dimension]
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    unitless: frozenset[str] = frozenset()

    def hint(self, nodes: Iterable[Node]) -> str:
        found = sorted({n.name for node in nodes for n in names(node)} & self.unitless)
        return f" ({', '.join(found)}: no unit given, see parameter_units=)" if found else ""


def read_expression(piece: Piece, scope: Scope) -> Node:
    """The checked expression that a piece of text is."""
    tree = read_tree(piece)
    return _Reader(tree, scope).convert(tree.root, 0)


def read_comparison(piece: Piece, scope: Scope) -> tuple[Node, str, Node]:
    """The sides of the only comparison in a piece of text, and ">" or ">="; sides of < and <= change places."""
    tree = read_tree(piece, comparison=True)
    root = tree.root
    if not isinstance(root, ast.Compare):
        raise piece.error(0, "expected a comparison such as v > -40*mV")
    if len(root.ops) != 1:
        raise piece.error(tree.place(root.comparators[1]), "expected one comparison, not a chain of them")
    reader = _Reader(tree, scope)
    left, right = reader.convert(root.left, 0), reader.convert(root.comparators[0], 0)
    if left.dimension and right.dimension and left.dimension != right.dimension:
        raise piece.error(
            right.place,
            f"a value of unit {left.dimension} cannot be compared with one of unit {right.dimension}"
            + scope.hint((left, right)),
        )
    operator = _COMPARISONS[type(root.ops[0])]
    return (right, {"<": ">", "<=": ">="}[operator], left) if "<" in operator else (left, operator, right)


def read_unit(piece: Piece) -> tuple[Fraction, Dimension]:
    """The factor to the coherent system and the dimension of a unit such as mV, nS/cm**2 or 1."""
    if not piece.text:
        raise piece.error(0, "expected a unit; 1 where there is none")
    tree = read_tree(piece)
    factor = _UnitReader(tree).convert(tree.root)
    return factor.value, factor.dimension or ONE


def require(piece: Piece, node: Node, dimension: Dimension, what: str, scope: Scope) -> None:
    """A ValueError where an expression does not have the dimension that `what` has."""
    if node.dimension is not None and node.dimension != dimension:
        raise piece.error(
            node.place,
            f"{what} has the unit {dimension} but the expression has the unit {node.dimension}{scope.hint([node])}",
        )


def constant(node: Node) -> Fraction | None:
    """The value of arithmetic with plain numbers; None where names or functions take part."""
    match node:
        case Number(value=value):
            return value
        case Negative(inner=inner):
            x = constant(inner)
            return None if x is None else -x
        case Binary(operator=operator, left=left, right=right) if operator != "^":
            a, b = constant(left), constant(right)
            if a is None or b is None or (operator == "/" and b == 0):
                return None
            return {"+": a + b, "-": a - b, "*": a * b}[operator] if operator != "/" else a / b
    return None


def _is_decade(value: Fraction) -> bool:
    """Whether a factor is 1, 1/10, 1/100, ..."""
    return value.numerator == 1 and set(str(value.denominator)[1:]) <= {"0"} and str(value.denominator)[0] == "1"


def _raised(value: Fraction, exponent: Fraction) -> Fraction:
    """A power of a positive number: exact where the exponent is whole."""
    if exponent.denominator == 1 or value == 1:
        return value ** int(exponent)
    return Fraction(float(value) ** float(exponent))


class _Reader:
    def __init__(self, tree: Tree, scope: Scope) -> None:
        self.tree, self.scope = tree, scope

    def error(self, node: ast.AST | Node, why: str) -> ValueError:
        place = node.place if isinstance(node, Node) else self.tree.place(node)
        return self.tree.piece.error(place, why)

    def convert(self, node: ast.expr, depth: int) -> Node:
        if depth > DEEPEST:
            raise self.error(node, f"the expression is nested more than {DEEPEST} deep; use subexpressions")
        place = self.tree.place(node)
        match node:
            case ast.Constant(value=int() | float() as value):
                return self.number(node, value)
            case ast.Name(id=name):
                return self.name(node, name)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.convert(operand, depth + 1)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self.convert(operand, depth + 1)
                if isinstance(inner, Number):
                    return Number(place, inner.dimension, -inner.value, inner.measured)
                return Negative(place, inner.dimension, inner)
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
                a, b = self.convert(left, depth + 1), self.convert(right, depth + 1)
                return self.binary(place, a, _OPERATORS[type(operator)], b)
            case ast.Call(func=ast.Name(id=function), args=arguments, keywords=[]):
                return self.call(node, function, [self.convert(a, depth + 1) for a in arguments])
            case ast.Compare():
                raise self.error(node, "a comparison cannot be part of an expression")
        raise self.error(node, f"a {type(node).__name__} is not arithmetic")

    def number(self, node: ast.expr, value: int | float) -> Number:
        if not abs(value) <= LARGEST:
            raise self.error(node, "the number is too large")
        return Number(self.tree.place(node), ONE if value else None, Fraction(repr(value)))

    def name(self, node: ast.expr, name: str) -> Node:
        place = self.tree.place(node)
        if name in self.scope.known:
            return Name(place, self.scope.known[name], name)
        if name in self.scope.elsewhere:
            raise self.error(node, f"{name} cannot stand here: {self.scope.elsewhere[name]}")
        if is_unit(name):
            factor, dimension = unit(name)
            return Number(place, dimension, factor, measured=True)
        if name == "pi":
            return Number(place, ONE, PI)
        if name in FUNCTIONS:
            raise self.error(node, f"{name} is a function: write {name}(...)")
        raise self.error(node, unknown(name, self.scope.known))

    def binary(self, place: int, a: Node, operator: str, b: Node) -> Node:
        if operator in "+-":
            return self.sum(place, a, operator, b)
        if operator == "^":
            return self.power(place, a, b)
        left, right = a.dimension or ONE, b.dimension or ONE
        dimension = left * right if operator == "*" else left / right
        if operator == "/" and isinstance(b, Number) and b.value == 0:
            raise self.error(b, "division by zero")
        if isinstance(a, Number) and isinstance(b, Number) and (a.measured or b.measured):
            value = a.value * b.value if operator == "*" else a.value / b.value
            return self.folded(place, dimension, value)
        if operator == "*" and isinstance(a, Number) and a.measured and _is_decade(a.value):
            a, b = b, a
        if isinstance(b, Number) and b.measured:
            if b.value == 1:
                return dataclasses.replace(a, dimension=dimension)
            # x * Hz is x / 1000 per ms, which rounds once; x * 0.001 would round twice.
            if _is_decade(b.value):
                operator, b = "/" if operator == "*" else "*", dataclasses.replace(b, value=1 / b.value)
        return Binary(place, dimension, operator, a, b)

    def sum(self, place: int, a: Node, operator: str, b: Node) -> Node:
        if a.dimension is not None and b.dimension is not None and a.dimension != b.dimension:
            verb = {"+": "added to", "-": "subtracted from"}[operator]
            raise self.error(
                b,
                f"a value of unit {b.dimension} cannot be {verb} one of unit {a.dimension}" + self.scope.hint((a, b)),
            )
        dimension = a.dimension if a.dimension is not None else b.dimension
        if isinstance(a, Number) and isinstance(b, Number) and a.measured and b.measured:
            return self.folded(place, dimension, a.value + b.value if operator == "+" else a.value - b.value)
        return Binary(place, dimension, operator, a, b)

    def power(self, place: int, a: Node, b: Node) -> Node:
        if b.dimension not in (ONE, None):
            raise self.error(b, f"an exponent must have no unit, this one has {b.dimension}{self.scope.hint([b])}")
        exponent = constant(b)
        if exponent is not None and abs(exponent) > LARGEST_POWER and a.dimension not in (ONE, None):
            raise self.error(b, f"the exponent of a value with a unit must be from -{LARGEST_POWER} to {LARGEST_POWER}")
        if a.dimension is None or a.dimension == ONE:
            dimension: Dimension | None = ONE
        elif exponent is None:
            raise self.error(b, f"the exponent of a value of unit {a.dimension} must be a fixed number")
        else:
            dimension = a.dimension**exponent
        if exponent is not None and exponent <= 0 and isinstance(a, Number) and a.value == 0:
            raise self.error(b, "a power of zero must have a positive exponent")
        if isinstance(a, Number) and a.measured and exponent is not None and a.value > 0:
            return self.folded(place, dimension, _raised(a.value, exponent))
        if exponent is not None and exponent.denominator == 1:
            b = Number(b.place, ONE, exponent)
        return Binary(place, dimension, "^", a, b)

    def folded(self, place: int, dimension: Dimension | None, value: Fraction) -> Number:
        if abs(value) > LARGEST:
            raise self.tree.piece.error(place, "the number is too large")
        return Number(place, dimension, value, measured=True)

    def call(self, node: ast.Call, function: str, arguments: list[Node]) -> Call:
        if function not in FUNCTIONS:
            if function in self.scope.known or is_unit(function):
                raise self.error(node, f"{function} is not a function; write * to multiply")
            raise self.error(node, unknown(function, FUNCTIONS, "function"))
        count, takes = {
            "max": (2, "two or more values"),
            "min": (2, "two or more values"),
            "clip": (3, "three values"),
        }.get(function, (1, "one value"))
        if len(arguments) < count or (len(arguments) > count and function not in ("max", "min")):
            raise self.error(node, f"{function} takes {takes}, got {len(arguments)}")
        dimension: Dimension | None = ONE
        if function in _SAME_UNIT:
            dimension = next((a.dimension for a in arguments if a.dimension is not None), None)
            for a in arguments:
                if a.dimension not in (None, dimension):
                    raise self.error(
                        a,
                        f"the values of {function} must have the same unit, got {dimension} and {a.dimension}"
                        + self.scope.hint(arguments),
                    )
        elif function in _KEEPS_UNIT:
            dimension = arguments[0].dimension
        elif function == "sqrt":
            given = arguments[0].dimension
            dimension = None if given is None else given ** Fraction(1, 2)
        elif arguments[0].dimension not in (ONE, None):
            unit_given = arguments[0].dimension
            raise self.error(
                arguments[0],
                f"{function} needs a value without unit, this one has {unit_given}{self.scope.hint(arguments)}",
            )
        return Call(self.tree.place(node), dimension, function, tuple(arguments))


def unknown(name: str, known: Iterable[str], what: str = "name") -> str:
    """What to say of a name that is not among those `known`."""
    options = sorted(known)
    units = ["volt", *unit_names()] if what == "name" else []
    close = get_close_matches(name, [*options, *units], n=1)
    long = written_out(name) if what == "name" else None
    guess = f"the unit is written {long}; " if long else f"did you mean {close[0]}? " if close else ""
    listed = ", ".join(options) if options else "numbers and units only"
    return f"unknown {what} {name!r}; {guess}known: {listed}"


class _UnitReader:
    """A unit: names, * / ** and 1."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    def error(self, node: ast.AST, why: str) -> ValueError:
        return self.tree.piece.error(self.tree.place(node), why)

    def convert(self, node: ast.expr) -> Number:
        place = self.tree.place(node)
        match node:
            case ast.Constant(value=1):
                return Number(place, ONE, Fraction(1))
            case ast.Name(id=name):
                try:
                    factor, dimension = unit(name)
                except KeyError:
                    raise self.error(node, unknown_unit(name)) from None
                return Number(place, dimension, factor)
            case ast.BinOp(left=left, op=ast.Mult() | ast.Div() as operator, right=right):
                a, b = self.convert(left), self.convert(right)
                x, y = a.dimension or ONE, b.dimension or ONE
                if isinstance(operator, ast.Mult):
                    return Number(place, x * y, a.value * b.value)
                return Number(place, x / y, a.value / b.value)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                a, exponent = self.convert(left), self.exponent(right)
                power = (a.dimension or ONE) ** exponent
                return Number(place, power, _raised(a.value, exponent))
        raise self.error(node, "expected a unit such as mV, nS/cm**2 or 1")

    def exponent(self, node: ast.expr) -> Fraction:
        tree = dataclasses.replace(self.tree, root=node)
        value = constant(_Reader(tree, Scope({})).convert(node, 0))
        if value is None or abs(value) > LARGEST_POWER:
            raise self.error(node, f"the exponent of a unit must be a number from -{LARGEST_POWER} to {LARGEST_POWER}")
        return value


def unknown_unit(name: str) -> str:
    """What to say of a name that is no unit."""
    if name in ("boolean", "integer"):
        return f"variables of the kind {name!r} are not known; expected a unit, 1 where there is none"
    close = get_close_matches(name, list(unit_names()), n=1)
    guess = f"; did you mean {close[0]}?" if close else ""
    return (
        f"unknown unit {name!r}{guess}; known are V, A, S, F, ohm, s, Hz, m, M, C, K with prefixes, and volt, amp, ..."
    )
