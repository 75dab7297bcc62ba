# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What two databases of the host's MariaDB hold changes places, for a database itself can have no other name.

MariaDB moves tables in one RENAME TABLE, which is done as a whole or not at all, also when the server is killed (10.6 and newer).
Views, triggers, routines and events can't move: they are kept as SQL (mariadb_objects.py) and made again by the app's own account;
whatever they do, they do with its rights.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import mariadb_tables
from ansible_collections.slipway.flask.plugins.module_utils._backup.command import PATH
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.mariadb_tables import drop, sql, tables_of
from ansible_collections.slipway.flask.plugins.module_utils._mysql import names

THERE = """
SELECT 'VIEW', TABLE_NAME, DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = {name};
SELECT 'TRIGGER', TRIGGER_NAME, DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {name};
SELECT ROUTINE_TYPE, ROUTINE_NAME, DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {name};
SELECT 'EVENT', EVENT_NAME, DEFINER FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {name};
"""
KINDS = {"VIEW", "TRIGGER", "FUNCTION", "PROCEDURE", "PACKAGE BODY", "PACKAGE", "EVENT"}

LOCK_SECONDS = 20
"""How long is waited for whoever has one of the tables."""


def exchange(live: str, comes: str, goes: str, then: Path | None = None, user: str = "") -> list[str]:
    """Have the tables of the database COMES take the place of those in LIVE, which go to GOES, in one step; done again, nothing.

    The app's rights are on LIVE, so that nobody gets into what is put aside. Views and the like of both go before, and LIVE gets
    those in the file THEN, as USER's; returned is which of them can't be made, since tables that they read are not there.

    :raises BackupError: when the server refuses.
    """
    if tables_of(comes):
        for database in (live, comes):
            drop_objects(database)
        move(user, (live, goes), (comes, live))
    drop(comes)
    return place(live, then, user) if then and then.exists() else []


def move(user: str, *ways: tuple[str, str]) -> None:
    """Move all tables from one database to another, for each of the WAYS, in one step, with USER's sessions ended.

    The account is locked meanwhile: a session that had one of the tables in a transaction would be waited for.

    :raises BackupError: when the server refuses.
    """
    moves = [(source, table, target) for source, target in ways for table in tables_of(source)]
    for target in dict.fromkeys(target for _, _, target in moves):
        like = f"CHARACTER SET utf8mb4 COLLATE {mariadb_tables.collation(ways[0][0])}"
        sql(f"CREATE DATABASE IF NOT EXISTS {names.identifier(target)} {like};")
    if moves:
        each = ", ".join(f"{_in(source, table)} TO {_in(target, table)}" for source, table, target in moves)
        if user:
            sql(f"ALTER USER IF EXISTS {names.account(user)} ACCOUNT LOCK; KILL USER {names.account(user)};")
        try:
            sql(f"SET lock_wait_timeout = {LOCK_SECONDS}; RENAME TABLE {each};")
        finally:
            unlock(user)


def unlock(user: str) -> None:
    """Let the account of USER in again, however a move of tables ended. Raises BackupError."""
    if user:
        sql(f"ALTER USER IF EXISTS {names.account(user)} ACCOUNT UNLOCK;")


def _in(database: str, table: str) -> str:
    return f"{names.identifier(database)}.{names.identifier(table)}"


# ---- what can't move ---------------------------------------------------------------------------------------------


def drop_objects(database: str) -> None:
    """Remove them from DATABASE. Raises BackupError."""
    found = [f"DROP {kind} IF EXISTS {names.identifier(name)}" for kind, name, _ in objects(database) if kind in KINDS]
    if found:
        sql(";\n".join(found) + ";", database)


def place(database: str, path: Path, user: str) -> list[str]:
    """Have those in PATH in DATABASE and no others, as USER's; return one sentence for each that can't be made."""
    drop_objects(database)
    return _run(path, database, user) if path.exists() and path.stat().st_size else []


def objects(database: str) -> list[tuple[str, str, str]]:
    """Return the kind, name and definer of each in DATABASE. Raises BackupError."""
    rows = sql(THERE.format(name=names.literal(database)))
    return [(kind, name, definer) for kind, name, definer in rows]


def _run(path: Path, database: str, user: str) -> list[str]:
    """Run the SQL in PATH in DATABASE as the app's USER, who is its definer then, without commands; return what went wrong."""
    with path.open("rb") as file:
        done = subprocess.run(
            [*names.loading(user, database), "--force"], stdin=file, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            check=False, cwd="/", env={"PATH": PATH, "LC_ALL": "C.UTF-8"}, **names.as_user(user),
        )  # fmt: skip
    lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.startswith("ERROR")]
    if done.returncode and not lines:
        raise BackupError(f"views and triggers can't be made: {done.stderr.decode(errors='replace').strip()[-500:]}")
    return [f"a view, trigger or routine can't be made: {names.without_line(line)}" for line in dict.fromkeys(lines)]
