# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Each statement of a dump of MySQL or MariaDB as a server takes it that others share.

A dump names its database, makes accounts the owners of its views and triggers, sets what is the server's, and has collations that
only MySQL knows. Sources: client/mysqldump.c of MariaDB 11.8 and MySQL 8.4; MariaDB's documentation, "Comment Syntax"
(`/*!50701 …*/` to 99999 are MySQL's alone), and MDEV-20912 for collations.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from typing import IO, Literal

from ansible_collections.slipway.flask.plugins.module_utils._mysql.statements import Statement, Statements
from ansible_collections.slipway.flask.plugins.module_utils._mysql.statements import TextError as TextError

Kind = Literal["table", "object", "session"]
"""`table`: tables and their rows. `object`: what can't be moved between databases. `session`: settings that hold for both."""
LOOK = 4096
"""How much of a statement is looked at, to know what it is."""
NAME = rb"(?:`(?:[^`]|``)*`|\"[^\"]*\"|'[^']*'|[\w$.%-]+)"
DEFINER = re.compile(rb"\bDEFINER\s*=\s*(?:CURRENT_USER(?:\s*\(\s*\))?|%b(?:\s*@\s*%b)?)" % (NAME, NAME), re.IGNORECASE)
OBJECT = re.compile(
    rb"(?:CREATE(?:\s+OR\s+REPLACE)?(?:\s+AGGREGATE)?(?:\s+ALGORITHM\s*=\s*\w+)?(?:\s+SQL\s+SECURITY\s+\w+)?|DROP|ALTER)"
    rb"(?:\s+ALGORITHM\s*=\s*\w+)?(?:\s+SQL\s+SECURITY\s+\w+)?\s+(?:VIEW|TRIGGER|PROCEDURE|FUNCTION|EVENT|PACKAGE)\b",
    re.IGNORECASE,
)
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
