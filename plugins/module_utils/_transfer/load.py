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
OWN = """
DO $slipway$
DECLARE one record;
BEGIN
  FOR one IN
    SELECT format('DROP %s IF EXISTS %s CASCADE', kind, name) AS sql FROM (
      SELECT 1 AS rank, c.oid::regclass::text AS name, CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
        WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END AS kind,
        c.oid, c.relowner AS owner, c.relnamespace AS space
      FROM pg_class AS c WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
      UNION ALL
      SELECT 2, p.oid::regprocedure::text, 'ROUTINE', p.oid, p.proowner, p.pronamespace FROM pg_proc AS p
      UNION ALL
      SELECT 3, t.oid::regtype::text, 'TYPE', t.oid, t.typowner, t.typnamespace FROM pg_type AS t WHERE typtype IN ('e', 'd', 'r')
      UNION ALL
      SELECT 4, collnamespace::regnamespace::text || '.' || quote_ident(collname), 'COLLATION', l.oid, collowner, collnamespace
      FROM pg_collation AS l
    ) AS own JOIN pg_namespace AS n ON n.oid = own.space
    WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' AND pg_has_role(own.owner, 'USAGE')
      AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = own.oid AND d.refobjid <> own.oid AND d.deptype IN ('e', 'i', 'a'))
    ORDER BY rank
  LOOP
    EXECUTE one.sql;
  END LOOP;
END
$slipway$
"""
"""Removes what the role owns in a database, but for what extensions have made."""
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
                    f"line {part.line} switches to another database ({', '.join(sorted(databases))}): "
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
    whole: bool = False
    """Whether it is one transaction, which the dump must not end, and extensions are the dump's own matter."""
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
        extends = self.whole and verdict.extension(part.text) is not None
        if (what := verdict.left_out(part.text)) is not None and not extends:
            self.left_out.update([what] if what else [])
            return False
        if self.whole and verdict.ENDS.match(verdict.head(part.text)):
            return False
        careful = self.whole and bool(verdict.CAREFUL.match(verdict.head(part.text)))
        try:
            if careful:  # what may fail must not take the transaction with it
                self.session.run(b"SAVEPOINT slipway")
            return self.session.run(part.text)
        except ServerError as error:
            without = verdict.passes(part.text, error.state, self.schemas, extends)
            if without is None:
                raise self._failed(part, error) from None
            if careful:
                self.session.run(b"ROLLBACK TO SAVEPOINT slipway")
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
    file: IO[bytes],
    parameters: Mapping[str, str],
    schemas: Collection[str],
    numbered: bool,
    tell: Callable[[Any], None],
) -> dict[str, int]:
    """Run the dump in FILE in a session of its own; see Loader. Raises DumpError."""
    try:
        with Connection(parameters) as session:
            return Loader(session, schemas, numbered, tell).load(file)
    except ServerError as error:
        raise DumpError(f"the database can't be reached: {error}") from None


def load_whole(
    file: IO[bytes],
    parameters: Mapping[str, str],
    numbered: bool,
    tell: Callable[[Any], None],
    heads: Collection[str] | None,
) -> dict[str, int]:
    """Put the dump in FILE in the place of all that the role has in a database, in one transaction: all of it or nothing.

    HEADS are where its migrations must be, None for anywhere. Raises DumpError; nothing has changed then.
    """
    try:
        with Connection(parameters) as session:
            session.run(b"BEGIN")
            session.run(OWN.encode())
            schemas = session.value("SELECT string_agg(nspname, E'\\n') FROM pg_namespace").split("\n")
            done = Loader(session, schemas, numbered, tell, whole=True).load(file)
            compare(session, heads)
            session.run(b"COMMIT")
            return done
    except ServerError as error:
        raise DumpError(f"the database refused: {error}") from None


def compare(session: Connection, heads: Collection[str] | None) -> None:
    """Raise DumpError unless the migrations of what was loaded are at HEADS, None for anywhere."""
    if heads is None:
        return
    there = session.value("SELECT to_regclass('public.alembic_version') IS NOT NULL") == "t"
    found = (
        session.value("SELECT string_agg(version_num, ',' ORDER BY version_num) FROM public.alembic_version")
        if there
        else ""
    )
    if found != ",".join(sorted(heads)):
        raise DumpError(
            f"its migration head is {found or 'none'}, the release's {', '.join(sorted(heads))}: first deploy the release that "
            "has that one, or pass -e import_schema=keep"
        )
