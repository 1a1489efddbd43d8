"""The reader of a model's text: names, equations, threshold, reset. Next: system.py, its result."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from ..parameters import number, number_or_array, numbers
from .check import Scope, read_comparison, read_expression, read_unit, require
from .linear import Parts, take_apart
from .parse import Assignment, Statement, is_noise, read_assignments, read_statements, refuse_reserved, words
from .source import Piece, Source
from .system import Parameter, System, Values, Variable
from .tree import Binary, Name, Node, Number, names, plain, substituted, value
from .units import CURRENT, NOISE, ONE, TIME, Dimension

_KINDS = {"differential": "a variable", "subexpression": "a subexpression", "parameter": "the external current"}


def _scaled(label: str, x: Values, factor: Fraction) -> Values:
    """Values times an exact factor, rounded once."""
    if isinstance(x, float):
        return number(label, float(Fraction(repr(x)) * factor))
    if factor == 1:
        return x
    return numbers(label, x * float(factor) if factor > 1 else x / float(1 / factor))


@dataclass
class Reader:
    """What was read so far; every name has one dimension."""

    source: Source
    given: dict[str, Any]
    parameter_units: dict[str, Any]
    initial: dict[str, Any]
    receptors: dict[str, Any]
    statements: list[Statement] = field(default_factory=list)
    factors: dict[str, Fraction] = field(default_factory=dict)
    dimensions: dict[str, Dimension] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    definitions: dict[str, Node] = field(default_factory=dict)
    derivatives: dict[str, Node] = field(default_factory=dict)
    unitless: set[str] = field(default_factory=set)
    noises: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    instead: dict[str, Node] = field(default_factory=dict)

    # ---- names ----------------------------------------------------------------------------------------------------

    def read_equations(self) -> None:
        self.statements = read_statements(self.source)
        of_kind = {kind: [s for s in self.statements if s.kind == kind] for kind in _KINDS}
        if not of_kind["differential"]:
            raise self.source.error(0, "expected at least one differential equation 'dx/dt = expression : unit'")
        for s in self.statements:
            self.factors[s.name], self.dimensions[s.name] = read_unit(s.unit)
        for s in of_kind["parameter"]:
            self.declared(s)
        for name in dict.fromkeys([*self.parameter_units, *self.given]):
            if name not in self.dimensions:
                self.undeclared(name)
            elif name not in self.parameters:
                kind = _KINDS[next(s.kind for s in self.statements if s.name == name)]
                argument = "parameters" if name in self.given else "parameter_units"
                raise ValueError(f"{argument}[{name!r}]: {name} is {kind} of the equations, not a parameter")
        self.dimensions.setdefault("I", CURRENT)
        noises = sorted({n for s in self.statements for n in words(s.expression) if is_noise(n)})
        self.noises = {name: f"xi_{k + 1}" for k, name in enumerate(noises)}
        scope = self.scope(dict.fromkeys(noises, NOISE))
        for s in of_kind["subexpression"]:
            self.definitions[s.name] = self.expression(s, scope, self.dimensions[s.name], s.name)
        for s in of_kind["differential"]:
            rate = self.dimensions[s.name] / TIME
            self.derivatives[s.name] = self.expression(s, scope, rate, f"d{s.name}/dt")
        self.sort_definitions(of_kind["subexpression"])

    def scope(self, more: Mapping[str, Dimension], elsewhere: Mapping[str, str] | None = None) -> Scope:
        known = {k: d for k, d in (self.dimensions | {"t": TIME} | dict(more)).items() if k not in (elsewhere or {})}
        return Scope(known, elsewhere or {}, frozenset(self.unitless))

    def expression(self, statement: Statement, scope: Scope, dimension: Dimension, what: str) -> Node:
        node = read_expression(statement.expression, scope)
        require(statement.expression, node, dimension, what, scope)
        self.note(node)
        return node

    def note(self, *nodes: Node) -> None:
        self.used |= {n.name for node in nodes for n in names(node)}

    def declared(self, s: Statement) -> None:
        if s.name in self.parameter_units:
            raise ValueError(
                f"parameter_units[{s.name!r}]: {s.name} has its unit in line {self.source.line(s.piece.start)} already"
            )
        if s.name in self.given:
            self.parameters[s.name] = self.parameter(s.name)
        elif s.name != "I":
            raise s.piece.error(0, f"{s.name} has no value: give parameters={{{s.name!r}: ...}}")

    def undeclared(self, name: str) -> None:
        refuse_reserved(Source("the name of a parameter", name).whole(), 0, name)
        if not name.isidentifier() or not name.isascii() or name.startswith("_"):
            raise ValueError(f"the name of a parameter must consist of letters, digits and _, got {name!r}")
        if name not in self.given:
            raise ValueError(f"parameter_units[{name!r}]: {name} has no value, give parameters={{{name!r}: ...}}")
        if name in self.parameter_units:
            unit = self.parameter_units[name]
            self.factors[name], self.dimensions[name] = read_unit(Source(f"parameter_units[{name!r}]", unit).whole())
        elif name == "I":
            self.dimensions[name] = CURRENT
        if name not in self.dimensions and not isinstance(self.given[name], str):
            self.unitless.add(name)
        self.parameters[name] = self.parameter(name)

    def parameter(self, name: str) -> Parameter:
        """The parameter's value; its dimension becomes that of its text where it has none yet."""
        found, dimension = self.value_of(f"parameters[{name!r}]", name, self.given[name], {})
        self.dimensions.setdefault(name, dimension)
        return Parameter(found, str(self.dimensions[name]))

    def value_of(self, label: str, name: str, given: Any, scope: Mapping[str, Parameter]) -> tuple[Values, Dimension]:
        """A value in coherent units, and its dimension."""
        if isinstance(given, str):
            piece = Source(label, given).whole()
            names_here = Scope({k: self.dimensions[k] for k in scope})
            node = read_expression(piece, names_here)
            if name in self.dimensions:
                require(piece, node, self.dimensions[name], name, names_here)
            x = value(node, {k: p.value for k, p in scope.items()})
            self.note(node)
            return number_or_array(label, float(x) if x.ndim == 0 else x, "any", "neuron"), node.dimension or ONE
        plain_value = number_or_array(label, given, "any", "neuron")
        return _scaled(label, plain_value, self.factors.get(name, Fraction(1))), self.dimensions.get(name, ONE)

    def sort_definitions(self, statements: list[Statement]) -> None:
        """Orders subexpressions so that each uses only those before it."""
        ordered: dict[str, Node] = {}

        def visit(name: str, way: tuple[str, ...]) -> None:
            if name in ordered:
                return
            if name in way:
                circle = " -> ".join([*way[way.index(name) :], name])
                piece = next(s for s in statements if s.name == name).piece
                raise piece.error(0, f"{name} depends on itself: {circle}")
            for n in names(self.definitions[name]):
                if n.name in self.definitions:
                    visit(n.name, (*way, name))
            ordered[name] = self.definitions[name]

        for name in self.definitions:
            visit(name, ())
        self.definitions = ordered

    # ---- what the equations must be -------------------------------------------------------------------------------

    def check_noise(self) -> None:
        self.require_linear(frozenset(self.noises), "white noise must enter linearly")

    def check_linear(self) -> None:
        """Refuses what method="exact" cannot integrate."""
        rule = 'method="exact" is for linear equations'
        self.require_linear(frozenset([*self.derivatives, "I"]), rule)
        for s, node in self.bodies():
            for n in names(node):
                if n.name in self.noises or n.name == "t":
                    what = "with white noise" if n.name in self.noises else "that depend on time"
                    raise s.expression.error(n.place, f"{rule}, not for equations {what}; choose another method")

    def bodies(self) -> list[tuple[Statement, Node]]:
        """The differential equations and the subexpressions that they use, in the order of use."""
        needed = {n.name for node in self.derivatives.values() for n in names(node)}
        for name in reversed(self.definitions):
            if name in needed:
                needed |= {n.name for n in names(self.definitions[name])}
        by_name = {s.name: s for s in self.statements}
        used = {name: node for name, node in self.definitions.items() if name in needed}
        return [(by_name[name], node) for name, node in (used | self.derivatives).items()]

    def require_linear(self, linear: frozenset[str], rule: str) -> None:
        inside: dict[str, Parts] = {}
        for s, node in self.bodies():

            def error(at: Node, why: str, piece: Piece = s.expression) -> ValueError:
                return piece.error(at.place, f"{rule}: {why}")

            parts = take_apart(node, linear, inside, error)
            if s.kind == "subexpression" and parts.factors:
                inside[s.name] = parts

    # ---- threshold and reset --------------------------------------------------------------------------------------

    def after_step(self) -> Scope:
        """What threshold and reset may use: variables, parameters, and subexpressions of these."""
        reason = "it acts in differential equations only"
        outside = {"t": reason, "I": reason} if self.is_current() else {"t": reason}
        outside |= dict.fromkeys([*self.noises, "xi"], reason)
        for name, node in self.definitions.items():
            by = next((n.name for n in names(node) if n.name in outside), None)
            if by is not None:
                outside[name] = f"it depends on {by}, which acts in differential equations only"
        return self.scope({}, outside)

    def is_current(self) -> bool:
        """Whether I is the external current, and not a name that the text or the parameters define."""
        return "I" not in self.parameters and not any(s.name == "I" and s.kind != "parameter" for s in self.statements)

    def threshold(self, source: Source) -> tuple[Node, str, Node]:
        left, operator, right = read_comparison(source.whole(), self.after_step())
        self.note(left, right)
        return left, operator, right

    def reset(self, source: Source) -> list[tuple[str, Node]]:
        scope = self.after_step()
        return [(a.name, self.assigned(a, scope)) for a in read_assignments(source)]

    def assigned(self, a: Assignment, scope: Scope) -> Node:
        if a.name not in self.derivatives:
            listed = ", ".join(self.derivatives)
            raise a.piece.error(0, f"{a.name} is not a variable, expected one of {listed}")
        node = read_expression(a.expression, scope)
        self.note(node)
        own = self.dimensions[a.name]
        if a.operator in ("*", "/"):
            require(a.expression, node, ONE, f"the factor of {a.name}", scope)
        else:
            require(a.expression, node, own, a.name, scope)
        return Binary(0, own, a.operator, Name(0, own, a.name), node) if a.operator else node

    # ---- the result -----------------------------------------------------------------------------------------------

    def check_used(self) -> None:
        for name in [*self.initial, *self.receptors.values()]:
            argument = "initial" if name in self.initial else "receptors"
            if name not in self.derivatives:
                listed = ", ".join(self.derivatives)
                raise ValueError(f"{argument}: {name!r} is not a variable, expected one of {listed}")

    def system(
        self, threshold: tuple[Node, str, Node] | None, reset: list[tuple[str, Node]], refractory: Values
    ) -> System:
        initial = {
            name: self.value_of(f"initial[{name!r}]", name, self.initial.get(name, 0.0), self.parameters)[0]
            for name in self.derivatives
        }
        for name in self.given:
            if name not in self.used:
                raise ValueError(f"parameters[{name!r}] is used nowhere in the equations, threshold and reset")
        held = {s.name: s.held for s in self.statements}
        self.instead = {name: Name(0, NOISE, number) for name, number in self.noises.items()}
        current = str(self.dimensions["I"]) if self.is_current() and "I" in self.used else None
        factor = self.factors.get("I", Fraction(1))
        if current is not None and factor != 1:
            current = next(s.unit.text for s in self.statements if s.name == "I")
            given = Name(0, self.dimensions["I"], "I")
            self.instead["I"] = Binary(0, given.dimension, "*", given, Number(0, ONE, factor))
        return System(
            variables=tuple(Variable(v, str(self.dimensions[v]), held[v]) for v in self.derivatives),
            definitions=tuple((name, self.text(node)) for name, node in self.definitions.items()),
            derivatives=tuple(map(self.text, self.derivatives.values())),
            noises=len(self.noises),
            threshold=None if threshold is None else (self.text(threshold[0]), threshold[1], self.text(threshold[2])),
            reset=tuple((name, self.text(node)) for name, node in reset),
            refractory=refractory,
            parameters=self.parameters,
            arrivals={str(k): str(v) for k, v in self.receptors.items()},
            initial=initial,
            current=current,
        )

    def text(self, node: Node) -> str:
        return plain(substituted(node, self.instead))
