# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Tables of the host's MariaDB that change places between databases, for there is no other name for a database itself.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._mysql import names

TABLES = """
SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {name} AND TABLE_TYPE NOT IN ('VIEW', 'SYSTEM VIEW')
ORDER BY TABLE_NAME;
"""
UNMOVED = """
SELECT 'views', COUNT(*) FROM information_schema.VIEWS WHERE TABLE_SCHEMA = {name};
SELECT 'triggers', COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {name};
SELECT 'functions and procedures', COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {name};
SELECT 'events', COUNT(*) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {name};
"""
SIZE = "SELECT COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {name};"


def exchange(live: str, comes: str, goes: str) -> None:
    """Have the tables of the database COMES take the place of those in LIVE, which go to GOES, in one step; done again, nothing.

    MariaDB has no name to change of a database: the tables of both move in one RENAME TABLE, which is done as a whole or not at
    all, also when the server is killed (10.6 and newer). The app's rights are on LIVE, so that nobody gets into what is put aside.

    :raises BackupError: when the server refuses.
    """
    arriving = tables_of(comes)
    if arriving:
        leaving = tables_of(live)
        sql(f"CREATE DATABASE IF NOT EXISTS {names.identifier(goes)} CHARACTER SET utf8mb4 COLLATE {collation(live)};")
        moves = [(live, table, goes) for table in leaving] + [(comes, table, live) for table in arriving]
        sql(
            "RENAME TABLE "
            + ", ".join(f"{_in(one, table)} TO {_in(other, table)}" for one, table, other in moves)
            + ";"
        )
    drop(comes)


def drop(name: str) -> None:
    """Remove the database called NAME if it is there. Raises BackupError."""
    if name:
        sql(f"DROP DATABASE IF EXISTS {names.identifier(name)};")


def tables_of(name: str) -> list[str]:
    """Return the tables of the database NAME, [] also when there is no such database."""
    return [row[0] for row in sql(TABLES.format(name=names.literal(name)))]


def unmoved(name: str) -> list[str]:
    """Return what a database has that RENAME TABLE can't take to another, as `2 triggers`."""
    return [f"{count} {what}" for what, count in sql(UNMOVED.format(name=names.literal(name))) if int(count)]


def _in(database: str, table: str) -> str:
    return f"{names.identifier(database)}.{names.identifier(table)}"


def sql(text: str, database: str = "", user: str = "") -> list[list[str]]:
    """Run SQL as USER, "" is root; return rows of columns. Raises BackupError."""
    try:
        return names.sql(text, database, user)
    except names.MysqlError as error:
        raise BackupError(f"MariaDB refused: {error}") from None


def collation(name: str) -> str:
    """Return the collation of the database NAME, if it is one of utf8mb4, else the usual one. Raises BackupError."""
    rows = sql(
        f"SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {names.literal(name)};"
    )
    return rows[0][0] if rows and rows[0][0].startswith("utf8mb4_") else "utf8mb4_unicode_ci"


def size(name: str) -> int:
    """Return the bytes of the database called NAME, 0 when there is none. Raises BackupError."""
    return int(sql(SIZE.format(name=names.literal(name)))[0][0])
