"""A text with positions, so that every error shows the line and marks the place. Next: parse.py."""

import re
from dataclasses import dataclass
from functools import cached_property

LONGEST_TEXT = 20_000
WIDTH = 140


@dataclass(frozen=True)
class Source:
    """What a user wrote: `label` names it in errors ("equations", "threshold", ...)."""

    label: str
    text: str

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise TypeError(f"{self.label} must be text, got {self.text!r}")
        if len(self.text) > LONGEST_TEXT:
            raise ValueError(f"{self.label} must not be longer than {LONGEST_TEXT} characters, got {len(self.text)}")

    @cached_property
    def clean(self) -> str:
        """The text with comments, continuations and tabs as blanks; every other character is at its place."""
        lines = []
        for line in self.text.replace("\t", " ").replace("\r\n", " \n").replace("\r", "\n").split("\n"):
            code, mark, comment = line.partition("#")
            lines.append(code + " " * len(mark + comment))
        return "\n".join(lines)

    def piece(self, start: int, stop: int) -> "Piece":
        """The characters from `start` up to `stop`, without blanks around them."""
        inside = re.sub(r"\\( *\n)", r" \1", self.clean[start:stop])
        return Piece(self, start + len(inside) - len(inside.lstrip()), inside.strip())

    def whole(self) -> "Piece":
        return self.piece(0, len(self.clean))

    def error(self, position: int, why: str) -> ValueError:
        """A ValueError with the line of `position`, a caret under it, and what is wrong."""
        before = self.clean[:position]
        row = before.count("\n")
        column = len(before) - before.rfind("\n") - 1
        line = self.clean.split("\n")[row]
        original = self.text.replace("\t", " ").replace("\r\n", " \n").replace("\r", "\n").split("\n")[row].rstrip()
        indent = len(line) - len(line.lstrip()) if line.strip() else 0
        indent = min(indent, column)
        begin = max(indent, column - WIDTH // 2)
        shown = original[begin : begin + WIDTH]
        where = f", line {row + 1}" if "\n" in self.clean.strip() else ""
        return ValueError(f"{self.label}{where}: {why}\n    {shown}\n    {' ' * (column - begin)}^")

    def line(self, position: int) -> int:
        """The line of a position, counted from 1."""
        return self.clean.count("\n", 0, position) + 1


@dataclass(frozen=True)
class Piece:
    """A part of a source; positions in it count from its own start."""

    source: Source
    start: int
    text: str

    def part(self, start: int, stop: int | None = None) -> "Piece":
        return self.source.piece(self.start + start, self.start + (len(self.text) if stop is None else stop))

    def error(self, position: int, why: str) -> ValueError:
        return self.source.error(self.start + position, why)
