# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
r"""A dump of MySQL or MariaDB as text, cut into its statements, and each as a server takes it that others share.

The client's own cutting is not enough: a dump names its database, makes accounts the owners of its views and triggers, sets what
is the server's, and has collations that only MySQL knows. Sources: client/mysqldump.c of MariaDB 11.8 and MySQL 8.4; MariaDB's
documentation, "Comment Syntax" (`/*!50701 …*/` to 99999 are MySQL's alone), and MDEV-20912 for collations.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import IO, Literal

BLOCK = 1 << 20
LONGEST = 1 << 30
"""Octets of one statement: no server takes more (max_allowed_packet)."""
LOOK = 4096
"""How much of a statement is looked at, to know what it is."""
NEAR = 16
"""Octets before the end of what was read in which a token may be cut in two."""
MARK = b"\xef\xbb\xbf"
BLANK = re.compile(rb"[\s;]*")
LINE_COMMENT = re.compile(rb"#|--(?:[ \t\r\n]|\Z)")
COMMENT = re.compile(rb"/\*(?!M?!)|/\*M!999999\\-")
"""The second is a command to MariaDB's client (`enable the sandbox mode`), which is given none."""
DELIMITER = re.compile(rb"delimiter[ \t]+(\S+)", re.IGNORECASE)

Kind = Literal["table", "object", "session"]
"""`table`: tables and their rows. `object`: what can't be moved between databases. `session`: settings that hold for both."""


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
    return re.compile(
        rb"""(?:[^'"`#/\-%b]+|'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*"|`[^`]*`)*""" % stop, re.DOTALL
    )


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
                raise TextError("its last line, that the dump is complete, is missing: the file is cut off")
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
            quoted = self.text[at : at + 1] in (b"'", b'"', b"`")
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

    def _cut_off(self) -> TextError:
        return TextError(f"it ends within the statement in line {self.line}: the file is cut off")

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


# ---- what each is --------------------------------------------------------------------------------------------------

NAME = rb"(?:`(?:[^`]|``)*`|\"[^\"]*\"|'[^']*'|[\w$.%-]+)"
DEFINER = re.compile(rb"\bDEFINER\s*=\s*(?:CURRENT_USER(?:\s*\(\s*\))?|%b(?:\s*@\s*%b)?)" % (NAME, NAME), re.IGNORECASE)
OBJECT = re.compile(
    rb"(?:CREATE(?:\s+OR\s+REPLACE)?(?:\s+AGGREGATE)?(?:\s+ALGORITHM\s*=\s*\w+)?(?:\s+SQL\s+SECURITY\s+\w+)?|DROP|ALTER)"
    rb"(?:\s+ALGORITHM\s*=\s*\w+)?(?:\s+SQL\s+SECURITY\s+\w+)?\s+(?:VIEW|TRIGGER|PROCEDURE|FUNCTION|EVENT)\b",
    re.IGNORECASE,
)
KIND = re.compile(rb"\b(VIEW|TRIGGER|PROCEDURE|FUNCTION|EVENT)\b", re.IGNORECASE)
WHERE = re.compile(rb"(?:CREATE|DROP|ALTER)\s+(?:DATABASE|SCHEMA)\b|USE\s", re.IGNORECASE)
USE = re.compile(rb"USE\s+(%b)\s*\Z" % NAME, re.IGNORECASE)
SESSION = re.compile(rb"SET\s", re.IGNORECASE)
SERVERS = re.compile(
    rb"SET\s+(?:@@GLOBAL\b|GLOBAL\b|PERSIST|@@PERSIST|PASSWORD\b|ROLE\b|DEFAULT\s+ROLE\b|@@SESSION\.SQL_LOG_BIN|SESSION\s+SQL_LOG_BIN"
    rb"|SQL_LOG_BIN|@MYSQLDUMP_TEMP_LOG_BIN)|CHANGE\s+(?:MASTER|REPLICATION)|(?:START|STOP|RESET)\s+(?:SLAVE|REPLICA|MASTER)"
    rb"|FLUSH\b|GRANT\b|REVOKE\b|(?:CREATE|ALTER|DROP|RENAME)\s+(?:OR\s+REPLACE\s+)?(?:USER|ROLE|SERVER|TABLESPACE|LOGFILE)\b"
    rb"|INSTALL\b|UNINSTALL\b",
    re.IGNORECASE,
)
"""What is about the whole server: its accounts, its replication, its settings."""
DEFINES = re.compile(rb"(?:CREATE|ALTER|SET|DROP)\b", re.IGNORECASE)
COLLATION = re.compile(rb"\butf8mb4_\w+\b", re.IGNORECASE)
ALL_0900 = re.compile(rb"utf8mb4_0900_(ai_ci|as_ci|as_cs|bin)", re.IGNORECASE)
"""MySQL 8's own for every language; those of one language have its name in the middle and are asked for as they are."""


def collation(name: bytes, known: Collection[str]) -> bytes:
    """Return the collation of a server that KNOWs those, for one called NAME; NAME itself where nothing is like it.

    MySQL's of Unicode 9 compare without padding, as MariaDB's `nopad` do; those of Unicode 14 are nearest, which MariaDB itself
    takes them for (MDEV-20912).
    """
    found = ALL_0900.fullmatch(name)
    if name.decode().lower() in known or not found:
        return name
    how = found[1].decode().lower()
    likes = ["utf8mb4_nopad_bin"] if how == "bin" else [f"utf8mb4_uca1400_nopad_{how}"]
    likes += ["utf8mb4_unicode_520_nopad_ci"] if how == "ai_ci" else []
    return next((one.encode() for one in likes if one in known), name)


def bare(text: bytes) -> bytes:
    """Return the begin of a statement without the marks of comments that are executed."""
    return re.sub(rb"/\*M?!\d*|\*/", b" ", text[:LOOK]).strip()


class Dump:
    """The statements of a dump in FILE as a server takes them that KNOWS these collations.

    `left_out` counts what was not taken, by what it is; `collations` are those that took the place of others.
    """

    def __init__(self, file: IO[bytes], known: Collection[str]) -> None:
        self.statements, self.known = Statements(file), known
        self.left_out: Counter[str] = Counter()
        self.collations: dict[str, str] = {}
        self.databases: list[bytes] = []
        self.tables = 0

    def parts(self) -> Iterator[tuple[Kind, Statement]]:
        """Yield what is taken. Raises TextError, also for a dump of several databases."""
        for one in self.statements:
            head = bare(one.text)
            if WHERE.match(head):
                self._named(head)
            elif SERVERS.match(head):
                self.left_out["statements about the whole server (accounts, replication, its settings)"] += 1
            else:
                yield self._taken(one, head)

    def _named(self, head: bytes) -> None:
        """Note a database that the dump goes into; there is only one to fill."""
        if found := USE.match(head):
            name = found[1].strip(b"`\"'")
            if name not in self.databases:
                self.databases.append(name)
            if len(self.databases) > 1:
                names = ", ".join(one.decode(errors="replace") for one in self.databases)
                raise TextError(
                    f"it is a dump of several databases ({names}): make one of the app's database alone (mariadb-dump NAME or "
                    "mysqldump NAME)"
                )

    def _taken(self, one: Statement, head: bytes) -> tuple[Kind, Statement]:
        if not DEFINES.match(head):
            return "table", one
        text = COLLATION.sub(lambda found: self._collation(found[0], one.line), one.text)
        without = DEFINER.sub(b"", head, count=1)
        if OBJECT.match(re.sub(rb"\s+", b" ", without)):
            return "object", Statement(DEFINER.sub(b"", text, count=1), one.delimiter, one.line)
        self.tables += head[:12].upper().startswith(b"CREATE TABLE")
        return "session" if SESSION.match(head) else "table", Statement(text, one.delimiter, one.line)

    def _collation(self, name: bytes, line: int) -> bytes:
        if name.decode().lower() not in self.known and b"_0900_" in name.lower():
            found = collation(name, self.known)
            if found == name:
                raise TextError(
                    f"line {line} has MySQL's collation {name.decode()}, which this server has nothing like: change it "
                    "where the dump comes from (ALTER TABLE … CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci), and "
                    "dump again"
                )
            self.collations[name.decode()] = found.decode()
            return found
        return name
