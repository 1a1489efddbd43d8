"""Characters to tokens, with everything refused that is not arithmetic. Next: check.py, which gives them meaning.

What passes here is valid Python with the one difference that ^ means **; the tree is then built by :mod:`ast`.
"""

import ast
import keyword
import re
from dataclasses import dataclass

from .source import Piece

_TOKEN = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z]\w*)"
    r"|(?P<comparison>[<>]=?|==|!=)|(?P<operator>\*\*|//|[-+*/^])|(?P<bracket>[(),])",
    re.ASCII,
)
_EXPECTED = "expected numbers, names, + - * / ** and ( )"
_STRANGE = {
    "=": "'=' cannot stand in an expression",
    ".": "'.' belongs into numbers only",
    "'": "a string is not arithmetic",
    '"': "a string is not arithmetic",
    "[": "'[' is not arithmetic; indices and lists are not known",
    ";": "';' separates the statements of reset only",
    ":": "':' comes before the unit, once",
}
DEEPEST = 120


@dataclass(frozen=True)
class Tree:
    """An expression as Python's syntax tree, and where its columns lie in the piece of text."""

    piece: Piece
    root: ast.expr
    columns: tuple[int, ...]

    def place(self, node: ast.AST) -> int:
        return self.columns[getattr(node, "col_offset", 0)]


def read_tree(piece: Piece, *, comparison: bool = False) -> Tree:
    """The syntax tree of a piece of text; a ValueError marks what is not arithmetic.

    Parameters
    ----------
    piece : Piece
        The text.
    comparison : bool, default False
        Whether > >= < <= may stand in it.
    """
    code, columns = _scan(piece, comparison)
    try:
        root = ast.parse("".join(code), mode="eval").body
    except SyntaxError as problem:
        column = min(max((problem.offset or 1) - 1, 0), len(columns) - 1)
        raise piece.error(columns[column], f"cannot be read: {problem.msg}") from None
    except (ValueError, RecursionError, MemoryError):
        raise piece.error(0, "the expression is nested too deeply") from None
    return Tree(piece, root, tuple(columns))


def _scan(piece: Piece, comparison: bool) -> tuple[list[str], list[int]]:
    text, code, columns = piece.text, list[str](), list[int]()
    brackets: list[tuple[int, bool]] = []  # where, and whether it is a call
    value_follows, previous, at = True, "", 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        match = _TOKEN.match(text, at)
        if match is None:
            raise _strange(piece, at)
        token, kind = match.group(), match.lastgroup
        if kind == "name" and keyword.iskeyword(token):
            raise piece.error(at, f"{token!r} is not known here; {_EXPECTED}")
        if kind == "comparison" and (not comparison or token in ("==", "!=")):
            why = "a comparison stands in threshold only" if not comparison else "expected one of > >= < <="
            raise piece.error(at, f"{token!r} cannot stand here: {why}")
        if token == "//":
            raise piece.error(at, f"'//' is not known; {_EXPECTED}")
        if value_follows:
            if kind in ("number", "name") or (token == ")" and previous == "(" and brackets.pop()[1]):
                value_follows = False
            elif token == ")" and previous == "(":
                raise piece.error(at, "expected a value between ( and )")
            elif token not in ("(", "+", "-"):
                after = f" after {previous!r}" if previous else ""
                raise piece.error(at, f"expected a number, a name or '('{after}, got {token!r}")
            if token == "(":
                brackets.append((at, False))
        elif kind in ("number", "name"):
            last = re.match(r"[0-9.]", previous)
            how = f"; write {previous}*{token}" if last else ""
            raise piece.error(at, f"expected an operator before {token!r}{how}")
        elif token == "(":
            if not re.match("[A-Za-z]", previous):
                raise piece.error(at, "expected an operator before '('; write * to multiply")
            brackets.append((at, True))
            value_follows = True
        elif token == ")":
            if not brackets:
                raise piece.error(at, "this ')' closes nothing")
            brackets.pop()
        elif token == ",":
            if not brackets or not brackets[-1][1]:
                raise piece.error(at, "',' separates the values of a function only")
            value_follows = True
        else:
            value_follows = True
        spelt = "**" if token == "^" else token
        code.append(spelt + " ")
        columns += [min(at + k, match.end() - 1) for k in range(len(spelt) + 1)]
        previous, at = token, match.end()
        if len(brackets) > DEEPEST:
            raise piece.error(brackets[-1][0], f"more than {DEEPEST} brackets are open")
    if brackets:
        raise piece.error(brackets[-1][0], "this '(' is not closed")
    if value_follows:
        what = f"expected a value after {previous!r}" if previous else "expected an expression"
        raise piece.error(len(text), what)
    return code, columns


def _strange(piece: Piece, at: int) -> ValueError:
    character = piece.text[at]
    if not character.isascii():
        hint = "; write u for micro" if character in "µμ" else ""
        return piece.error(at, f"{character!r} is not an ASCII character{hint}")
    return piece.error(at, f"{_STRANGE.get(character, f'{character!r} is not arithmetic')}; {_EXPECTED}")
