"""Text to statements: differential equations, subexpressions, parameters, and the assignments of a reset.

Next: check.py, which reads the expressions.
"""

import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass

from .source import Piece, Source
from .tree import FUNCTIONS
from .units import is_unit

# What Julia's parser does not take as a name, and Python's does.
_RESERVED = re.compile(
    "baremodule|begin|catch|const|do|elseif|end|export|false|function|isa|let|local|macro|module|quote|struct|true|using"
    "|where"
)
# What datasets and states call something else.
_TAKEN = (
    *("time", "trial", "neuron", "spike", "network", "step", "seed", "weight", "refractory", "mean_rate"),
    *("recorded_neuron", "spike_time", "spike_trial", "spike_neuron"),
)
_NAME = r"[A-Za-z]\w*"
_DIFFERENTIAL = re.compile(rf"d({_NAME})\s*/\s*dt\s*=", re.ASCII)
_SUBEXPRESSION = re.compile(rf"({_NAME})\s*=", re.ASCII)
_PARAMETERS = re.compile(rf"({_NAME}(?:\s*,\s*{_NAME})*)\s*:", re.ASCII)
_ASSIGNMENT = re.compile(rf"({_NAME})\s*([-+*/]?=)(?!=)", re.ASCII)
_FLAGS = re.compile(r"(?<![*/^(])\s*\(([^()]*)\)\s*$")
_FORMS = "expected 'dx/dt = expression : unit', 'x = expression : unit' or 'x : unit'"


@dataclass(frozen=True)
class Statement:
    """`kind`: "differential", "subexpression" or "parameter"; `held` while the neuron is refractory."""

    kind: str
    name: str
    piece: Piece
    expression: Piece
    unit: Piece
    held: bool = False


def is_noise(name: str) -> bool:
    """Whether a name is that of white noise: xi, xi_1, xi_e, ..."""
    return name == "xi" or name.startswith("xi_")


def words(piece: Piece) -> set[str]:
    """All names in a piece of text."""
    return set(re.findall(rf"(?<![\w.]){_NAME}", piece.text, re.ASCII))


def refuse_reserved(piece: Piece, place: int, name: str) -> None:
    """A ValueError where a name means something else already."""
    meaning = None
    if is_noise(name):
        meaning = "means white noise"
    elif name in ("t", "dt"):
        meaning = "means time"
    elif name == "pi" or name in FUNCTIONS:
        meaning = "is a function" if name in FUNCTIONS else "is a constant"
    elif is_unit(name):
        meaning = "is a unit"
    elif keyword.iskeyword(name) or _RESERVED.fullmatch(name):
        meaning = "is a reserved word"
    if meaning is not None:
        raise piece.error(place, f"{name} {meaning}; choose another name")


def read_statements(source: Source) -> list[Statement]:
    """The statements of a model's text, in their order; no name is defined twice."""
    statements: list[Statement] = []
    for piece in _logical_lines(source):
        statements += _statement(piece)
    seen: dict[str, Statement] = {}
    for statement in statements:
        if statement.name in seen:
            line = source.line(seen[statement.name].piece.start)
            raise statement.piece.error(0, f"{statement.name} is defined twice, first in line {line}")
        seen[statement.name] = statement
    return statements


def _logical_lines(source: Source) -> Iterator[Piece]:
    """Statements, each of which may go on over several lines."""
    text, start, at = source.clean, 0, 0
    lines = text.split("\n")
    for k, line in enumerate(lines):
        stop = at + len(line)
        code = text[start:stop]
        following = next((x.strip() for x in lines[k + 1 :] if x.strip()), "")
        at = stop + 1
        if not code.strip():
            start = at
            continue
        if code.rstrip().endswith("\\") and following:
            continue
        begun = code.count("(") > code.count(")") or code.rstrip()[-1] in "+-*/^=,"
        begins_later = ":" not in code and following[:1] in ("+", "-", "*", "/", ":")
        if following and (begun or begins_later) and not _begins(following):
            continue
        yield source.piece(start, stop)
        start = at


def _begins(line: str) -> bool:
    """Whether a line is certainly the beginning of a statement."""
    return bool(_DIFFERENTIAL.match(line) or _SUBEXPRESSION.match(line))


def _statement(piece: Piece) -> list[Statement]:
    text = piece.text
    if match := _DIFFERENTIAL.match(text):
        kind = "differential"
    elif match := _SUBEXPRESSION.match(text):
        kind = "subexpression"
        if text[match.end() : match.end() + 1] == "=":
            raise piece.error(match.end() - 1, f"'==' cannot stand here; {_FORMS}")
    elif match := _PARAMETERS.match(text):
        expression, unit, flags = _unit_and_flags(piece, match.end())
        _check_flags(piece, flags, ("constant",), "a parameter")
        found = list(re.finditer(_NAME, match.group(1), re.ASCII))
        for x in found:
            refuse_reserved(piece, x.start(), x.group())
        return [Statement("parameter", x.group(), piece.part(x.start()), expression, unit) for x in found]
    else:
        raise piece.error(0, _FORMS)
    name = match.group(1)
    refuse_reserved(piece, match.start(1), name)
    if kind == "differential" and name in _TAKEN:
        raise piece.error(match.start(1), f"{name} means something else in datasets; choose another name")
    colon = text.find(":", match.end())
    if colon < 0:
        raise piece.error(len(text), "expected ': unit' after the expression; ': 1' where there is no unit")
    _, unit, flags = _unit_and_flags(piece, colon + 1)
    allowed = ("unless refractory",) if kind == "differential" else ("constant over dt",)
    what = "a differential equation" if kind == "differential" else "a subexpression"
    held = _check_flags(piece, flags, allowed, what) and kind == "differential"
    return [Statement(kind, name, piece, piece.part(match.end(), colon), unit, held)]


def _unit_and_flags(piece: Piece, at: int) -> tuple[Piece, Piece, re.Match[str] | None]:
    again = piece.text.find(":", at)
    if again >= 0:
        raise piece.error(again, "':' comes before the unit, once")
    flags = _FLAGS.search(piece.text, at)
    # "1/(cm**2)" is a unit, "1 (constant)" has a flag.
    if flags is not None and piece.text[: flags.start()].rstrip().endswith(("*", "/", "^", ":")):
        flags = None
    return piece.part(at, at), piece.part(at, None if flags is None else flags.start()), flags


def _check_flags(piece: Piece, flags: re.Match[str] | None, allowed: tuple[str, ...], what: str) -> bool:
    if flags is None:
        return False
    at = flags.start(1)
    for flag in flags.group(1).split(","):
        if " ".join(flag.split()) not in allowed:
            place = at + len(flag) - len(flag.lstrip())
            raise piece.error(place, f"unknown flag {flag.strip()!r}; {what} may have ({allowed[0]})")
        at += len(flag) + 1
    return True


@dataclass(frozen=True)
class Assignment:
    """`operator`: "", "+", "-", "*" or "/" before the =."""

    name: str
    piece: Piece
    operator: str
    expression: Piece


def read_assignments(source: Source) -> list[Assignment]:
    """The statements of a reset, separated by lines or semicolons."""
    assignments, at = [], 0
    for statement in re.split("[;\n]", source.clean):
        piece = source.piece(at, at + len(statement))
        at += len(statement) + 1
        if not piece.text:
            continue
        match = _ASSIGNMENT.match(piece.text)
        if match is None:
            raise piece.error(0, "expected an assignment such as v = -70*mV or w += 80*pA")
        assignments.append(Assignment(match.group(1), piece, match.group(2)[:-1], piece.part(match.end())))
    return assignments
