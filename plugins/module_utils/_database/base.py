# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a run over releases has to know of one kind of database: a dialect, as SQLAlchemy calls it.

A new one is a file beside this with a subclass of Dialect and the half of it that runs inside of the app, and a line in
`known.py`. What a dialect does not say of itself is as here: the app's migrations run, without a lock, timeouts, a judge
or a dump.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Run = Callable[[Sequence[str]], Any]
"""Runs a command with the app's rights; what it returns has `stdout` and `stderr`."""

SCRIPT = r'''
class Dialect:
    """A kind of database, inside of the app; this one is any that nobody has described."""

    variables = ()  # of the environment, which `guard` changes and a child that may write gets as they were
    writes_sql = False  # what a revision would run can be written beforehand, to be judged

    def guard(self):
        """Have every connection that is made from here on write nothing; `ask["pooler"]` leaves out what poolers refuse."""

    def connecting(self, driver, dialect, parameters):
        """Change the PARAMETERS of a connection that SQLAlchemy is about to make, so that nothing is written."""

    def begun(self, connection):
        """Have a transaction of SQLAlchemy's that has begun write nothing."""

    def lock(self, engine):
        """Return a connection that alone may migrate until it is closed; None where there is no such lock."""

    def aside(self, connection):
        """Return what takes back, with `rollback`, what a look over the CONNECTION of `lock` leaves behind."""
        return connection.begin_nested()

    def holders(self, engine):
        """Return who holds up what this run does, None where that can't be asked."""

    def server(self, connection):
        """Return numbers of the server (see Probe.server)."""
        return {}


DIALECTS = {}


def dialect_of(engine):
    """Return the dialect of an ENGINE, or of its name."""
    name = getattr(getattr(engine, "dialect", None), "name", engine)
    return DIALECTS.get(name) or Dialect()
'''


class Dump:
    """How one database is dumped and restored. `dump.py` of the releases keeps the file."""

    def problem(self, server: Mapping[str, int]) -> str:
        """Return why a dump can't be made of a SERVER of these numbers, and what to do: "there is no x: install y"."""
        return ""

    def command(self, file: Path) -> list[str]:
        """Return the command that dumps into FILE."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Return the variables that only this command gets: where the database is, and the password."""
        return {}

    def restore(self, file: Path, user: str) -> str:
        """Return the command, for root on the host, that puts the database back as FILE has it; USER is the app's."""
        raise NotImplementedError


class Dialect:
    """A kind of database that nobody has described."""

    name = ""
    """SQLAlchemy's name for it."""
    title = ""
    """As a message calls it."""
    script = ""
    """Its half inside of the app: a subclass of `SCRIPT`'s, entered into DIALECTS."""
    is_judged = False
    """Whether what a migration would run is written beforehand, and judged."""
    linter = ""
    """What judges it, as a message calls it."""
    is_file = False
    """Whether the database is a file, which one process at a time can write."""
    undoes_ddl = True
    """Whether a migration that fails half-way leaves the schema as it was."""

    def secret(self, url: str) -> Callable[[str], str]:
        """Return what takes the password of URL out of a text."""
        return lambda text: text

    def session(self, environment: Mapping[str, str], run: str, timeouts: Mapping[str, int]) -> dict[str, str]:
        """Return the variables, beyond the app's ENVIRONMENT, of a command that migrates.

        Every dialect is asked: of an app that gives its database in parts nobody knows which it is.
        run: what a person at the server may know the session by; timeouts: `lock` and `statement`, in seconds, 0 for none.
        """
        return {}

    def limited(self, url: str, timeouts: Mapping[str, int]) -> str:
        """Return URL as a command that migrates gets it, with timeouts where it would undo those of `session`."""
        return url

    def dump(self, url: str) -> Dump | None:
        """Return how the database of URL is dumped, None when this URL does not allow it."""
        return None

    def judge(self, sql: Path, server: Mapping[str, int], linter: Path, run: Run) -> str:
        """Return the report of the program LINTER, which is called as `linter` says, of a file of SQL. Raises ValueError."""
        return "[]"
