# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A dump as text, cut into its statements and the rows of its COPYs, as psql does it (src/fe_utils/psqlscan.l of 17).

psql itself is not used for a dump from elsewhere: it has commands of its own (`\\!`, `\\copy`), which run on the host.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO

from ansible_collections.slipway.flask.plugins.module_utils._transfer.parts import DumpError as DumpError
from ansible_collections.slipway.flask.plugins.module_utils._transfer.parts import Part as Part

BLOCK = 1 << 18
LONGEST = 1 << 30
"""Octets of one statement: PostgreSQL takes no longer text (MaxAllocSize)."""

TOKEN = re.compile(rb"""--|/\*|['"$;\\()]|(?<![\w$])(?:begin|case|end)(?![\w$])""", re.IGNORECASE)
DOLLAR = re.compile(rb"\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$")
ESCAPE = re.compile(rb"[\\']")
BLANK = re.compile(rb"[\s;]*")
LETTER = re.compile(rb"[\w$\x80-\xff]")
MARK = b"\xef\xbb\xbf"
"""With which editors on Windows begin a file."""
COMMENT = re.compile(rb"/\*|\*/")
ROUTINE = re.compile(rb"\s*create\s+(?:or\s+replace\s+)?(?:function|procedure)\b", re.IGNORECASE)
"""Statements whose body may be SQL between BEGIN ATOMIC and END, with semicolons in it."""
COPY = re.compile(rb"\s*copy\b.*\bfrom\s+stdin\b", re.IGNORECASE | re.DOTALL)
END = re.compile(rb"\n\\\.\r?(?:\n|\Z)")
FIRST_END = re.compile(rb"\\\.\r?(?:\n|\Z)")
"""The line that ends the rows of a COPY; the first one when there are none."""
LOOKAHEAD = 128
"""Longer than any token, so that none is cut in two where a block ends; the tag of a dollar quote is a name of 63 octets."""


class Dump:
    """Reads the text of a dump from FILE."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.over = file, False
        self.text, self.begin = b"", 0
        """What was read, and where in it the part begins that is looked at."""
        self.line = 1
        self.plain = True
        """Whether a backslash is an ordinary character in '…' (standard_conforming_strings)."""
        self.open = False
        """Whether pg_dump said that a dump begins, and not yet that it is complete."""

    def parts(self) -> Iterator[Part]:
        """Yield the dump's parts in their order. Raises DumpError for one that is no text, or ends within a statement."""
        while self._skip_blank():
            if self.text.startswith(b"\\", self.begin):
                line = self.line
                yield Part("command", self._take_line().strip(), line)
                continue
            part = self._statement()
            yield part
            if COPY.match(part.text):
                yield from self._rows()
        if self.open:
            raise DumpError(
                "pg_dump's last line, which says that the dump is complete, is missing: the file is truncated"
            )

    # ---- reading ------------------------------------------------------------------------------------------------

    def _more(self) -> bool:
        """Read on, twice as much of a part that is long; tell whether there was anything."""
        if not self.over:
            block = self.file.read(max(BLOCK, len(self.text) - self.begin))
            self.over = not block
            if b"\0" in block:
                raise DumpError("it is neither a dump from pg_dump nor SQL: it contains null bytes")
            self.text += block
        return not self.over

    def _take(self, end: int) -> bytes:
        """Return what stands before END and is done with then."""
        taken, self.begin = self.text[self.begin : end], end
        self.line += taken.count(b"\n")
        return taken

    def _forget(self) -> None:
        """Drop what is done with; places in the text that anybody has are wrong afterwards."""
        if self.begin > BLOCK // 2:
            self.text, self.begin = self.text[self.begin :], 0

    def _cut_off(self, what: str = "the statement that begins in line") -> DumpError:
        return DumpError(f"it ends within {what} {self.line}: the file is truncated")

    def _skip_blank(self) -> bool:
        """Take away blanks and comments before a part; tell whether there is one."""
        while True:
            self._forget()
            while len(self.text) - self.begin < LOOKAHEAD and self._more():
                pass
            if self.line == 1 and self.text.startswith(MARK, self.begin):
                self._take(self.begin + len(MARK))
            found = BLANK.match(self.text, self.begin)
            if found and found.end() > self.begin:
                self._take(found.end())
            elif self.text.startswith(b"--", self.begin):
                self._comment(self._take_line().strip())
            elif self.text.startswith(b"/*", self.begin):
                self._take(self._after_comment(self.begin + 2))
            else:
                return self.begin < len(self.text)

    def _comment(self, line: bytes) -> None:
        """Note what pg_dump says of itself (pg_dump.c; pg_dumpall's begin and end are other ones)."""
        if line == b"-- PostgreSQL database dump":
            self.open = True
        elif line == b"-- PostgreSQL database dump complete":
            self.open = False

    def _take_line(self) -> bytes:
        start = self.begin
        while (end := self.text.find(b"\n", start)) < 0:
            start = len(self.text)
            if not self._more():
                return self._take(len(self.text))
        return self._take(end + 1)

    # ---- statements ----------------------------------------------------------------------------------------------

    def _statement(self) -> Part:
        position, depth, begins = self.begin, 0, 0
        routine: bool | None = None
        while True:
            found = TOKEN.search(self.text, position)
            if found is None or (found.end() > len(self.text) - LOOKAHEAD and not self.over):
                if found is None:
                    position = max(position, len(self.text) - LOOKAHEAD)
                if len(self.text) - self.begin > LONGEST:
                    raise DumpError(f"the statement in line {self.line} is longer than 1 GB")
                if self._more() or found is not None:
                    continue
                raise self._cut_off()
            token, position = found[0].lower(), found.end()
            if token == b";":
                if not depth and not begins:
                    line = self.line
                    return Part("statement", self._take(position)[:-1].strip(), line)
            elif token in (b"(", b")"):
                depth = max(0, depth + (1 if token == b"(" else -1))
            elif token in (b"begin", b"case", b"end"):
                routine = bool(ROUTINE.match(self.text, self.begin)) if routine is None else routine
                if routine and not depth:
                    begins = _nested(begins, token)
            elif token == b"\\":
                line = self.line + self.text.count(b"\n", self.begin, position)
                raise DumpError(f"line {line} has a psql command within a statement, which no dump has")
            else:
                position = self._after(token, found.start(), position)

    def _after(self, token: bytes, start: int, position: int) -> int:
        """Return where what TOKEN at START begins is over: a comment, a string, a quoted name, a dollar quote."""
        if token == b"/*":
            return self._after_comment(position)
        if token == b"'" and (not self.plain or _is_escaped(self.text, start)):
            return self._after_escaped(position)
        if token == b"$":
            tag = DOLLAR.match(self.text, start)
            within = start > self.begin and LETTER.match(self.text, start - 1)
            return self._after_text(tag[0], tag.end()) if tag and not within else position
        return self._after_text(b"\n" if token == b"--" else token, position)

    def _after_text(self, end: bytes, position: int) -> int:
        while (found := self.text.find(end, position)) < 0:
            position = max(position, len(self.text) - len(end) + 1)
            if not self._more():
                raise self._cut_off()
        return found + len(end)

    def _after_comment(self, position: int) -> int:
        """Return where a comment is over, which may have others in it."""
        depth = 1
        while depth:
            if found := COMMENT.search(self.text, position):
                depth, position = depth + (1 if found[0] == b"/*" else -1), found.end()
            else:
                position = max(position, len(self.text) - 1)
                if not self._more():
                    raise self._cut_off("a comment after line")
        return position

    def _after_escaped(self, position: int) -> int:
        """Return where a string is over in which a backslash takes the next character, as a doubled quote is one."""
        while True:
            found = ESCAPE.search(self.text, position)
            if found is None or found.end() == len(self.text):
                if not self._more():
                    if found and found[0] == b"'":
                        return found.end()
                    raise self._cut_off()
            elif found[0] == b"\\" or self.text.startswith(b"'", found.end()):
                position = found.end() + 1
            else:
                return found.end()

    # ---- rows ----------------------------------------------------------------------------------------------------

    def _rows(self) -> Iterator[Part]:
        """Yield the rows that follow a COPY, and their end; the line after the statement is the first."""
        self._take_line()
        at_start = True
        while True:
            self._forget()
            line = self.line
            while len(self.text) - self.begin < len(b"\\.\r\n") and self._more():
                pass
            if at_start and (found := FIRST_END.match(self.text, self.begin)):
                self._take(found.end())
                yield Part("end", b"", line)
                return
            found = END.search(self.text, max(0, self.begin - 1))
            if found and (found.end() < len(self.text) or found[0].endswith(b"\n") or not self._more()):
                yield Part("rows", self._take(found.start() + 1), line)
                line = self.line
                self._take(found.end())
                yield Part("end", b"", line)
                return
            if found is None:
                whole = self.text.rfind(b"\n", self.begin, max(self.begin, len(self.text) - len(b"\n\\.\r\n"))) + 1
                if whole - self.begin > BLOCK:
                    yield Part("rows", self._take(whole), line)
                    at_start = True
                    continue
                if not self._more():
                    raise self._cut_off("the rows of a COPY after line")


def _is_escaped(text: bytes, quote: int) -> bool:
    """Tell whether the string whose QUOTE is at that place is of the form E'…'."""
    before = text[max(0, quote - 2) : quote]
    return before[-1:] in (b"e", b"E") and not re.match(rb"[\w$\x80-\xff]", before[:-1])


def _nested(begins: int, word: bytes) -> int:
    """Return how deep a routine's body is after WORD; a CASE counts within it alone (psqlscan.l, `identifier`)."""
    if word == b"begin" or (word == b"case" and begins):
        return begins + 1
    return max(0, begins - 1) if word == b"end" else begins
