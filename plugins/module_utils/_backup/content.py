# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a database holds, and whether a restored one holds the same, but for what was written while it was restored.

The live one is only read, in sessions that can do nothing else; both are asked with the app's rights, since what is called like
a table may be a view that runs what the app wants. First its counters of rows that were inserted and deleted
are read, then its rows are counted, then WAL up to there is archived; at the end the counters are read again. So
of a table of 100 rows, of which 3 were deleted and 7 inserted meanwhile, the restored one has from 97 to 107.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from ansible_collections.slipway.flask.plugins.module_utils._backup.database import HEAD, THERE
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError, plain
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import literal

Ask = Callable[[str, str], str]
"""Returns what SQL, its second argument, prints in a database, its first."""
COUNTED_BYTES = 256 << 20
"""Rows of a larger table are not counted in the live database, which would feel it; its own estimate is taken."""
STATEMENT_SECONDS = 60
"""Rows that take longer to count there are estimated as well."""
LOOSE = 0.2
"""How far an estimate may be wrong."""
LOOSE_ROWS = 1000
READ_ONLY = f"""
SET default_transaction_read_only = on;
SET statement_timeout = '{STATEMENT_SECONDS}s';
SET lock_timeout = '5s';
SET max_parallel_workers_per_gather = 0;
"""
TABLES = """
SET search_path = pg_catalog;
SELECT coalesce(json_agg(json_build_object(
  'name', format('%I.%I', n.nspname, c.relname), 'file', c.relfilenode, 'bytes', pg_relation_size(c.oid),
  'estimate', greatest(c.reltuples, s.n_live_tup, 0)::bigint, 'inserted', s.n_tup_ins, 'deleted', s.n_tup_del)), '[]')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_stat_all_tables s ON s.relid = c.oid
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema';
"""
"""Tables with rows of their own that WAL has: no foreign, no unlogged and no temporary ones. The functions are the system's:
an app's own `format` could answer with commands of psql's, which runs what stands for a name then."""
NAME = re.compile(r'((?:[a-z_][a-z0-9_]*|"(?:[^"]|"")+")(?:\.(?!\Z)|\Z)){2}')
"""A table with its schema, as format('%I.%I') quotes them."""
COUNT = re.compile(r"^(.+)\|(\d+)$")


@dataclass(frozen=True)
class Table:
    """One table. ROWS is None where they were not counted; FILE changes when it is emptied or written anew."""

    rows: int | None
    estimate: int
    inserted: int
    deleted: int
    file: int


@dataclass(frozen=True)
class Content:
    """One database: where its migrations are ("" for none), and its tables by name, with their schema."""

    head: str
    tables: Mapping[str, Table] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(table.rows or 0 for table in self.tables.values())


def read(ask: Ask, database: str, count: bool = True, most: int | None = COUNTED_BYTES) -> Content:
    """Return what DATABASE holds. Raises BackupError.

    :param count: whether rows are counted.
    :param most: the largest table that is, in bytes; None is all.
    """
    there = ask(database, THERE).strip() == "t"
    head = plain(ask(database, HEAD).strip()) if there else ""
    try:
        found = {str(entry["name"]): entry for entry in json.loads(ask(database, TABLES))}
    except (ValueError, KeyError, TypeError) as error:
        raise BackupError(f"the tables of the database {database} can't be listed: {error}") from None
    if strange := [name for name in found if not NAME.fullmatch(name)]:
        raise BackupError(f"the database {database} has a table whose name can't be quoted: {strange[0][:80]!r}")
    wanted = [name for name, entry in found.items() if count and (most is None or entry["bytes"] <= most)]
    rows = _count(ask, database, wanted) if wanted else {}
    return Content(head, {
        name: Table(rows.get(name), int(entry["estimate"]), int(entry["inserted"]), int(entry["deleted"]), int(entry["file"]))
        for name, entry in found.items()
    })  # fmt: skip


def _count(ask: Ask, database: str, names: list[str]) -> dict[str, int]:
    """Return how many rows tables have; one that is dropped or locked meanwhile, or takes too long, is left out."""
    # Names come quoted from format('%I'). psql's ON_ERROR_STOP is off: each statement stands for itself.
    counts = "\n".join(f"SELECT {literal(name)}, count(*) FROM ONLY {name};" for name in names)
    said = ask(database, f"\\set ON_ERROR_STOP 0\n{counts}")
    return {match[1]: int(match[2]) for line in said.splitlines() if (match := COUNT.match(line))}


def differences(before: Content, restored: Content, after: Content) -> Iterator[str]:
    """Yield what of the RESTORED database is not explained by what the live one held BEFORE and AFTER, one sentence each."""
    if restored.head not in (before.head, after.head):
        yield f"it is at migration {restored.head or 'none'}, the live one at {after.head or 'none'}"
    if lost := sorted(set(before.tables) & set(after.tables) - set(restored.tables)):
        yield f"it is missing {len(lost)} of {len(after.tables)} tables: {_named(lost)}"
    if strange := sorted(set(restored.tables) - set(before.tables) - set(after.tables)):
        yield f"it has {len(strange)} tables that the live one does not have: {_named(strange)}"
    for name in sorted(set(restored.tables) & set(before.tables) & set(after.tables)):
        if told := _difference(before.tables[name], restored.tables[name], after.tables[name]):
            yield f"its table {name.removeprefix('public.')} {told}"


def _difference(before: Table, restored: Table, after: Table) -> str:
    """Return what is wrong with one table, "" for nothing, or for one that was emptied or written anew meanwhile."""
    if restored.rows is None:
        return "can't be read"
    inserted, deleted = after.inserted - before.inserted, after.deleted - before.deleted
    if before.file != after.file or inserted < 0 or deleted < 0:
        return ""
    rows = before.estimate if before.rows is None else before.rows
    loose = LOOSE * rows + LOOSE_ROWS if before.rows is None else 0
    if rows - deleted - loose <= restored.rows <= rows + inserted + loose:
        return ""
    about = "about " if before.rows is None else ""
    meanwhile = f", and {inserted} were added and {deleted} removed in the meantime" if inserted or deleted else ""
    return f"has {restored.rows} rows, the live one {about}{rows}{meanwhile}"


def _named(names: list[str], most: int = 3) -> str:
    shown = ", ".join(name.removeprefix("public.") for name in names[:most])
    return f"{shown} …" if len(names) > most else shown
