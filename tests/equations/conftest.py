"""A tiny evaluator of expressions, for numbers and for pint's quantities alike."""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import pytest

OPERATORS: dict[type, Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


@pytest.fixture(scope="session")
def evaluate() -> Callable[[str, Mapping[str, Any]], Any]:
    """The value of an expression of + - * / ^ and calls, names and functions taken from a dict."""

    def walk(node: ast.AST, names: Mapping[str, Any]) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return names[name]
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return -walk(inner, names)
            case ast.UnaryOp(op=ast.UAdd(), operand=inner):
                return walk(inner, names)
            case ast.BinOp(left=left, op=op, right=right):
                return OPERATORS[type(op)](walk(left, names), walk(right, names))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return names[name](*(walk(a, names) for a in arguments))
        raise AssertionError(f"not plain: {ast.dump(node)}")

    def evaluated(text: str, names: Mapping[str, Any]) -> Any:
        return walk(ast.parse(text.strip().replace("^", "**"), mode="eval").body, names)

    return evaluated


@pytest.fixture(scope="session")
def marked() -> Callable[[str, str], tuple[str, int | None, int]]:
    """Takes the ¦ out of a text: the text, the line that an error names, and the column of its caret."""

    def split(text: str, mark: str = "¦") -> tuple[str, int | None, int]:
        before, _, after = text.partition(mark)
        line = (before + after).split("\n")[before.count("\n")]
        column = len(before) - before.rfind("\n") - 1
        indent = min(len(line) - len(line.lstrip()), column)
        number = before.count("\n") + 1 if "\n" in (before + after).strip() else None
        return before + after, number, column - indent

    return split
