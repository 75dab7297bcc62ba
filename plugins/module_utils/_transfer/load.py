# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Reads a dump's text twice: once to know what it is and needs, once to run it.

Both are done in a process with the app's rights (child.py), and never by psql.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from ansible_collections.slipway.flask.plugins.module_utils._postgres.libpq import Connection, ServerError
from ansible_collections.slipway.flask.plugins.module_utils._transfer import verdict
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import Dump, DumpError, Part

TELL_SECONDS = 2.0
"""How often is told how far it is."""
OFF = re.compile(r"set\s+standard_conforming_strings\s*(?:=|to)\s*'?(?P<value>\w+)", re.IGNORECASE)
ROWS = re.compile(r"COPY (?P<table>\S+), line (?P<line>\d+)")


@dataclass
class Survey:
    """What a dump is and needs."""

    extensions: list[dict[str, str]] = field(default_factory=list)
    statements: int = 0
    rows: int = 0
    """Octets of rows."""


def survey(file: IO[bytes]) -> Survey:
    """Look through a dump without running anything. Raises DumpError for what no dump has, and for one that is cut off."""
    found, databases = Survey(), set[str]()
    dump = Dump(file)
    for part in dump.parts():
        if part.kind == "command":
            with _line(part):
                name = verdict.database_of(part.text)
            if name and name not in verdict.MAINTENANCE:
                databases.add(name)
            if len(databases) > 1:
                raise DumpError(
                    f"line {part.line} goes on to another database ({', '.join(sorted(databases))}): "
                    "make a dump of the app's database alone, with pg_dump"
                )
        elif part.kind == "rows":
            found.rows += len(part.text)
        elif part.kind == "statement":
            found.statements += 1
            _follow(dump, part.text)
            with _line(part):
                verdict.refuse(part.text)
            if wanted := verdict.extension(part.text):
                found.extensions.append({"name": wanted.name, "schema": wanted.schema})
    if not found.statements:
        raise DumpError("there is no SQL in it")
    return found


class _line:  # noqa: N801 (a context, like suppress)
    """Says in which line what is wrong stands."""

    def __init__(self, part: Part) -> None:
        self.part = part

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, DumpError):
            raise DumpError(f"line {self.part.line}: {error}") from None


def _follow(dump: Dump, text: bytes) -> None:
    """Read strings as the dump says that they are written from here on."""
    if len(text) < verdict.HEAD and (found := OFF.match(verdict.head(text))):
        dump.plain = found["value"].lower() in ("on", "true", "yes", "1")


@dataclass
class Loader:
    """Runs what is in FILE in a session; NUMBERED: whether its lines are those of a file that a person has."""

    session: Connection
    schemas: Collection[str] = ("public",)
    numbered: bool = True
    tell: Callable[[Any], None] = lambda told: None
    left_out: Counter[str] = field(default_factory=Counter)

    def load(self, file: IO[bytes]) -> dict[str, int]:
        """Run it, and return what was left out and how often. Raises DumpError that names the statement that failed."""
        dump, copy, octets, told = Dump(file), None, 0, time.monotonic()
        for part in dump.parts():
            octets += len(part.text)
            if part.kind == "statement":
                _follow(dump, part.text)
                copy = part if self._statement(part) else None
            elif part.kind == "rows" and copy:
                self._try(copy, lambda rows=part.text: self.session.rows(rows))  # type: ignore[misc]
            elif part.kind == "end" and copy:
                self._try(copy, self.session.end_rows)
                copy = None
            if time.monotonic() - told > TELL_SECONDS:
                told = time.monotonic()
                self.tell(octets)
        return dict(self.left_out)

    def _statement(self, part: Part) -> bool:
        """Run a statement; tell whether it waits for rows."""
        verdict.refuse(part.text)
        if (what := verdict.left_out(part.text)) is not None:
            self.left_out.update([what] if what else [])
            return False
        try:
            return self.session.run(part.text)
        except ServerError as error:
            without = verdict.passes(part.text, error.state, self.schemas)
            if without is None:
                raise self._failed(part, error) from None
            self.left_out.update([without] if without else [])
            return False

    def _try(self, part: Part, what: Callable[[], Any]) -> None:
        try:
            what()
        except ServerError as error:
            raise self._failed(part, error) from None

    def _failed(self, part: Part, error: ServerError) -> DumpError:
        """Say which statement failed and why; of a COPY also which row."""
        where = f"the statement in line {part.line}" if self.numbered else "this statement"
        row = ROWS.search(error.context)
        at = f", in row {row['line']} of {row['table']}" if row else ""
        detail = f" ({error.detail})" if error.detail and not row else ""
        state = f" [{error.state}]" if error.state else ""
        return DumpError(f"{where} failed{at}: {error}{detail}{state}\n  {verdict.shown(part.text)}")


def load(
    file: IO[bytes], parameters: Mapping[str, str], schemas: Collection[str], numbered: bool,
    tell: Callable[[Any], None], whole: bool = False,
) -> dict[str, int]:  # fmt: skip
    """Run the dump in FILE in a session of its own; see Loader.

    WHOLE: in one transaction, all of it or nothing. Raises DumpError.
    """
    try:
        with Connection(parameters) as session:
            loader = Loader(session, schemas, numbered, tell)
            if not whole:
                return loader.load(file)
            session.run(b"BEGIN")
            done = loader.load(file)
            session.run(b"COMMIT")
            return done
    except ServerError as error:
        raise DumpError(f"the database can't be reached: {error}") from None
