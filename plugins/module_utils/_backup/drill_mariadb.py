# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The part of a drill that is about MariaDB: the dump in each app's newest restore point, loaded into a server of its own.

A restore point says which tables there were, and how many rows those had that nobody wrote to while it was made: so many must
come back. Only tables are loaded, so that nothing that an app has written runs.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import (
    mariadb,
    mariadb_load,
    mariadb_tables,
    moment,
    places,
    points,
    state,
)
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError, plain
from ansible_collections.slipway.flask.plugins.module_utils._backup.restic import Restic, Snapshot
from ansible_collections.slipway.flask.plugins.module_utils._backup.scratch_mariadb import Scratch
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData, Settings
from ansible_collections.slipway.flask.plugins.module_utils._mysql import names
from ansible_collections.slipway.flask.plugins.module_utils._mysql.dump_text import TextError

MADE_BEFORE = """
SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {name} AND TABLE_TYPE = 'BASE TABLE'
AND CREATE_TIME < FROM_UNIXTIME({stamp});
"""
SURE_SECONDS = 5
"""A table that was made so shortly before a restore point may not be in it."""
SHOWN = 3


@dataclass(frozen=True)
class Content:
    """What a database holds: its tables with their rows, and where its migrations are ("" for none)."""

    rows: Mapping[str, int] = field(default_factory=dict)
    head: str = ""


class Dumps:
    """The dumps of the apps in SETTINGS. SAY is called with the progress; PROBLEMS collects problems, one sentence each."""

    def __init__(self, settings: Settings, say: Callable[[str], None], problems: list[str]) -> None:
        self.settings, self.say, self.problems = settings, say, problems

    def drill(self, target: int) -> dict[str, Any]:
        """Load the newest dumps at a TARGET, compare them, and return what is known of each app's. Raises BackupError."""
        restic = Restic(self.settings, self.settings.targets[target - 1])
        snapshots = restic.snapshots()
        facts: dict[str, Any] = {}
        for app in self.settings.apps:
            newest = [one for one in snapshots if f"app:{app.name}" in one.tags] if app.mariadb else []
            if not newest:
                continue  # that there is no restore point is told of its folders
            self.say(f"  {app.name}: loading the dump of its database")
            try:
                facts[app.name], problems = self._one(restic, newest[-1], app)
            except BackupError as error:
                problems = [str(error)]
            self.problems += [f"{app.name}: {one}" for one in problems]
        return facts

    def _one(self, restic: Restic, snapshot: Snapshot, app: AppData) -> tuple[dict[str, Any], list[str]]:
        """Return what is known of one app's dump, and what is wrong with it. Raises BackupError."""
        size = snapshot.tag("database")
        with Scratch(int(size) if size.isdecimal() else 0) as server:
            manifest = points.staged(app.name) / places.MANIFEST
            dump = server.folder / "dump.sql"
            into = server.folder / "manifest"
            into.mkdir(mode=0o700)
            # No run removes meanwhile what is being read. How long loading takes is the app's to say: no run waits for that.
            with state.alone(self.say):
                mariadb.fetch(restic, snapshot.id, app, dump)
                restic.restore(snapshot.id, into, [manifest])
            told = state.read(into / str(manifest).lstrip("/"))
            began = time.monotonic()
            self._load(server, dump, app)
            took = round(time.monotonic() - began, 1)
            found = content(server, app.mariadb)
        when = moment.time_of(snapshot.tag("point"))
        problems = [*differences(told, found), *missing(app, found, told, when.timestamp())]
        age = (moment.now() - when).total_seconds()
        return {
            "point": snapshot.tag("point"), "tables": len(found.rows), "rows": sum(found.rows.values()), "head": found.head,
            "load_seconds": took, "age_seconds": round(age, 1),
            "compared": len(expected(told)),
        }, problems  # fmt: skip

    def _load(self, server: Scratch, dump: Path, app: AppData) -> None:
        if not mariadb.whole(dump):
            raise BackupError("the dump in its restore point is truncated")
        login = server.database(app.mariadb)
        try:
            with dump.open("rb") as file, (server.folder / "aside.sql").open("wb") as aside:
                mariadb_load.feed(file, app.mariadb, login, mariadb_load.collations(), app.user, aside, server.folder)
        except (BackupError, TextError) as error:
            raise BackupError(f"the dump in its restore point can't be loaded: {error}") from None


def content(server: Scratch, database: str) -> Content:
    """Return what DATABASE of the scratch SERVER holds. Raises BackupError."""
    tables = [row[0] for row in server.sql(mariadb_tables.TABLES.format(name=names.literal(database)))]
    each = [f"SELECT {names.literal(table)}, COUNT(*) FROM {names.identifier(table)};" for table in tables]
    rows = {table: int(count) for table, count in (server.sql("\n".join(each), database) if each else [])}
    head = server.sql(mariadb.HEAD, database)[0][0] if "alembic_version" in tables else ""
    return Content(rows, "" if head == "NULL" else plain(head[:400]))


def expected(told: Mapping[str, Any]) -> dict[str, int]:
    """Return the rows that a manifest says of tables."""
    found = told.get("mariadb")
    rows = found.get("rows") if isinstance(found, dict) else None
    return {str(table): int(count) for table, count in rows.items()} if isinstance(rows, dict) else {}


def differences(told: Mapping[str, Any], found: Content) -> Iterator[str]:
    """Yield what of the loaded database is not as the restore point's manifest TOLD, one sentence each."""
    known = told.get("mariadb")
    head = known.get("head") if isinstance(known, dict) else None
    if head is not None and head != found.head:
        yield f"the restored database is at migration {found.head or 'none'}, its restore point at {plain(str(head)) or 'none'}"
    tables = {str(one) for one in known.get("tables", [])} if isinstance(known, dict) else set(found.rows)
    if lost := sorted(tables - set(found.rows)):
        yield f"the restored database is missing {len(lost)} of {len(tables)} tables: {_named(lost)}"
    for table, count in expected(told).items():
        if table in found.rows and found.rows[table] != count:
            yield f"its table {plain(table)} has {found.rows[table]} rows, and had {count} when the restore point was made"


def missing(app: AppData, found: Content, told: Mapping[str, Any], stamp: float) -> Iterator[str]:
    """Yield which tables of the live database were there before the restore point, at STAMP, and are not in it."""
    before = MADE_BEFORE.format(name=names.literal(app.mariadb), stamp=int(stamp) - SURE_SECONDS)
    live = {row[0] for row in mariadb_tables.sql(before)}
    if lost := sorted(live - set(found.rows)):
        yield f"the restored database is missing {len(lost)} of the live one's tables: {_named(lost)}"


def _named(tables: list[str]) -> str:
    return ", ".join(map(plain, tables[:SHOWN])) + (" …" if len(tables) > SHOWN else "")
