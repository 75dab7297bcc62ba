# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a terminal shows: lines with colours, each with the times from and to which it looked so."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

PIECE = re.compile(
    r"\x1b\[([0-9;]*)m"
    r"|\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b."
    r"|([\r\n\b\x07])|([^\x1b\r\n\b\x07]+)"
)
"""Colours (1), other sequences, characters that move the cursor (2), and text (3): ECMA-48, sections 5.4 and 8.3.117."""

Cell = tuple[str, str]
"""(character, class of its colour, "" for none)"""


@dataclass(frozen=True)
class Shown:
    """Line ROW looks like TEXT from START on, until END (None: to the end); spans: (class, text)."""

    row: int
    start: float
    end: float | None
    spans: tuple[tuple[str, str], ...]


def style(codes: str, now: str) -> str:
    """Return the class of a colour after SGR CODES, of those that programs use here: c0 to c7, with b for bold."""
    found = now
    for code in (int(code or 0) for code in codes.split(";")):
        if code == 0 or code == 39:
            found = ""
        elif 30 <= code <= 37:
            found = f"c{code - 30}"
        elif 90 <= code <= 97:
            found = f"c{code - 90}"
    return found


class Screen:
    """Lines of at most COLUMNS; `feed` writes to it, `shown` returns all that was ever to be seen."""

    def __init__(self, columns: int) -> None:
        self.columns, self.row, self.column, self.style = columns, 0, 0, ""
        self.lines: list[list[Cell]] = [[]]
        self.now: dict[int, tuple[float, tuple[tuple[str, str], ...]]] = {}
        self.past: list[Shown] = []

    def feed(self, at: float, text: str) -> None:
        """Write TEXT at a time, in seconds."""
        touched = {self.row}
        for found in PIECE.finditer(text):
            codes, moves, plain = found.groups()
            if codes is not None:
                self.style = style(codes, self.style)
            elif moves == "\n":
                self._next_line()
            elif moves == "\r":
                self.column = 0
            elif moves == "\b":
                self.column = max(self.column - 1, 0)
            elif plain:
                for char in plain:
                    self._put(char)
                    touched.add(self.row)
            touched.add(self.row)
        for row in touched:
            self._note(at, row)

    def shown(self) -> list[Shown]:
        """Return each look of each line, in the order of their beginnings."""
        left = [Shown(row, start, None, spans) for row, (start, spans) in self.now.items()]
        return sorted([*self.past, *left], key=lambda one: (one.start, one.row))

    def _next_line(self) -> None:
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append([])

    def _put(self, char: str) -> None:
        if self.column == self.columns:
            self.column = 0
            self._next_line()
        line = self.lines[self.row]
        line += [(" ", "")] * (self.column - len(line))
        line[self.column : self.column + 1] = [(char, self.style)]
        self.column += 1

    def _note(self, at: float, row: int) -> None:
        spans = tuple(joined(self.lines[row]))
        start, before = self.now.get(row, (at, None))
        if spans == before:
            return
        if before is not None and at > start:
            self.past.append(Shown(row, start, at, before))
        self.now[row] = (at, spans)


def joined(cells: Iterable[Cell]) -> list[tuple[str, str]]:
    """Return neighbours of one colour as (class, text)."""
    found: list[tuple[str, str]] = []
    for char, name in cells:
        if found and found[-1][0] == name:
            found[-1] = (name, found[-1][1] + char)
        else:
            found.append((name, char))
    return found
