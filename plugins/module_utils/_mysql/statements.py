# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A dump of MySQL or MariaDB as text, cut into its statements as the server does it, whatever is in strings and comments.

The client's own cutting is not used for what is foreign: it has commands of its own. Sources: client/mysqldump.c of MariaDB 11.8
and MySQL 8.4; MariaDB's documentation, "Comment Syntax".

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

BLOCK = 1 << 20
LONGEST = 1 << 30
"""Octets of one statement: no server takes more (max_allowed_packet)."""
LOOK = 4096
"""How much of a statement there is before it is looked at."""
NEAR = 16
"""Octets before the end of what was read in which a token may be cut in two."""
PARTS = {
    b"'": re.compile(rb"[^'\\]*(?:\\.[^'\\]*){0,1000}", re.DOTALL),
    b'"': re.compile(rb'[^"\\]*(?:\\.[^"\\]*){0,1000}', re.DOTALL),
    b"`": re.compile(rb"[^`]*"),
}
"""A part of a string or a name, by the sign that it is in. Python's expressions take a hundred octets for each time that they
repeat a group: an app's row of 16 MB of quotes would take 2 GB, so none repeats without a bound."""
MARK = b"\xef\xbb\xbf"
BLANK = re.compile(rb"[\s;]*")
LINE_COMMENT = re.compile(rb"#|--(?:[ \t\r\n]|\Z)")
COMMENT = re.compile(rb"/\*(?!M?!)|/\*M!999999\\-")
"""The second is a command to MariaDB's client (`enable the sandbox mode`), which is given none."""
DELIMITER = re.compile(rb"delimiter[ \t]+(\S+)", re.IGNORECASE)


class TextError(RuntimeError):
    """A dump that can't be taken; the message is for the user, behind `it`'s name."""


@dataclass(frozen=True)
class Statement:
    """One statement without its delimiter, which is DELIMITER, and the LINE that it begins in."""

    text: bytes
    delimiter: bytes
    line: int


def _runs(delimiter: bytes) -> re.Pattern[bytes]:
    """Return what passes over text in which nothing can end a statement: whole strings and names as well."""
    stop = re.escape(delimiter[:1])
    return re.compile(rb"""(?:[^'"`#/\-%b]+|'[^'\\]*'|"[^"\\]*"|`[^`]*`){0,1000}""" % stop, re.DOTALL)


class Statements:
    """The statements of a dump in FILE, one after the other. Raises TextError for one that ends within a statement."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.over, self.text, self.begin, self.line = file, False, b"", 0, 1
        self.delimiter = b";"
        self.run = _runs(b";")
        self.open = False
        """Whether its maker has said that a dump begins, and not yet that it is complete."""

    def __iter__(self) -> Iterator[Statement]:
        while self._skip_blank():
            if command := DELIMITER.match(self.text, self.begin):
                self.delimiter = command[1]
                self.run = _runs(self.delimiter)
                self._take(self._line_end())
                continue
            line, end = self.line, self._end()
            text = self._take(end)
            if end < len(self.text):
                self._take(end + len(self.delimiter))
            yield Statement(text, self.delimiter, line)

    def _more(self) -> bool:
        """Read on, twice as much of a statement that is long; tell whether there was anything."""
        if not self.over:
            block = self.file.read(max(BLOCK, len(self.text) - self.begin))
            self.over = not block
            self.text += block
            if len(self.text) - self.begin > LONGEST + BLOCK:
                raise TextError(f"the statement in line {self.line} is longer than 1 GB")
        return not self.over

    def _take(self, end: int) -> bytes:
        taken, self.begin = self.text[self.begin : end], end
        self.line += taken.count(b"\n")
        return taken

    def _line_end(self) -> int:
        """Return where the line ends that `begin` is in."""
        while (end := self.text.find(b"\n", self.begin)) < 0:
            if not self._more():
                return len(self.text)
        return end + 1

    def _skip_blank(self) -> bool:
        """Take away blanks and comments before a statement; tell whether there is one."""
        while True:
            if self.begin > BLOCK:
                self.text, self.begin = self.text[self.begin :], 0
            while len(self.text) - self.begin < LOOK and self._more():
                pass
            if self.line == 1 and self.text.startswith(MARK, self.begin):
                self._take(self.begin + len(MARK))
            if (blank := BLANK.match(self.text, self.begin)) and blank.end() > self.begin:
                self._take(blank.end())
            elif LINE_COMMENT.match(self.text, self.begin):
                self._comment(self._take(self._line_end()))
            elif COMMENT.match(self.text, self.begin):
                self._take(self._after(b"*/", self.begin))
            elif self.begin < len(self.text):
                return True
            elif self.open:
                raise TextError(
                    "its last line, which says that the dump is complete, is missing: the file is truncated"
                )
            else:
                return False

    def _comment(self, line: bytes) -> None:
        """Note what mariadb-dump and mysqldump say of themselves."""
        if line.startswith((b"-- MySQL dump", b"-- MariaDB dump")):
            self.open = True
        elif line.startswith(b"-- Dump completed"):
            self.open = False

    def _end(self) -> int:
        """Return where the statement ends that `begin` is at; the text's end where the last one has no delimiter."""
        at = self.begin
        while True:
            found = self.run.match(self.text, at)
            at = found.end() if found else at
            if (end := self._string(at)) > at:
                at = end
                continue
            quoted = self.text[at : at + 1] in PARTS
            if (quoted or len(self.text) - at < NEAR) and self._more():
                continue
            if quoted:
                raise self._cut_off()
            if at >= len(self.text) or self.text.startswith(self.delimiter, at):
                return at
            if LINE_COMMENT.match(self.text, at):
                at = self._after(b"\n", at)
            elif COMMENT.match(self.text, at):
                at = self._after(b"*/", at)
            else:
                at += 1

    def _string(self, at: int) -> int:
        """Return where the string or name ends that begins AT; AT itself where none does, or its end is yet to be read."""
        part = PARTS.get(self.text[at : at + 1])
        here = at + 1
        while part:
            found = part.match(self.text, here)
            end = found.end() if found else here
            if self.text.startswith(self.text[at : at + 1], end):
                return end + 1
            if end == here:
                break
            here = end
        return at

    def _cut_off(self) -> TextError:
        return TextError(f"it ends within the statement in line {self.line}: the file is truncated")

    def _after(self, what: bytes, at: int) -> int:
        """Return where the comment ends that begins AT: behind WHAT."""
        start = at + 1
        while (end := self.text.find(what, start)) < 0:
            start = max(start, len(self.text) - len(what))
            if not self._more():
                if what == b"\n":
                    return len(self.text)
                raise self._cut_off()
        return end + len(what)
