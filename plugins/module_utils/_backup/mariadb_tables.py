# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Databases of the host's MariaDB: their tables and sizes, and their end.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib

from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._mysql import names

TABLES = """
SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {name} AND TABLE_TYPE NOT IN ('VIEW', 'SYSTEM VIEW')
ORDER BY TABLE_NAME;
"""
SIZE = "SELECT COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {name};"


def drop(name: str) -> None:
    """Remove the database called NAME if it is there, and who may get into it. Raises BackupError."""
    if name:
        drop_loader(name)
        shut(name)
        sql(f"DROP DATABASE IF EXISTS {names.identifier(name)};")


def is_there(name: str) -> bool:
    """Tell whether there is a database called NAME. Raises BackupError."""
    return bool(sql(f"SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {names.literal(name)};"))


def tables_of(name: str) -> list[str]:
    """Return the tables of the database NAME, [] also when there is no such database."""
    return [row[0] for row in sql(TABLES.format(name=names.literal(name)))]


def collation(name: str) -> str:
    """Return the collation of the database NAME, if it is one of utf8mb4, else the usual one. Raises BackupError."""
    rows = sql(
        f"SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {names.literal(name)};"
    )
    return rows[0][0] if rows and rows[0][0].startswith("utf8mb4_") else "utf8mb4_unicode_ci"


def size(name: str) -> int:
    """Return the bytes of the database called NAME, 0 when there is none. Raises BackupError."""
    return int(sql(SIZE.format(name=names.literal(name)))[0][0])


def sql(text: str, database: str = "", user: str = "") -> list[list[str]]:
    """Run SQL as USER, "" is root; return rows of columns. Raises BackupError."""
    try:
        return names.sql(text, database, user)
    except names.MysqlError as error:
        raise BackupError(f"MariaDB refused: {error}") from None


def loader_of(database: str) -> str:
    """Return the account that loads into DATABASE: the same for one name, so that what was killed can be cleared."""
    return f"slipway_load_{hashlib.sha256(database.encode()).hexdigest()[:16]}"


def drop_loader(database: str) -> None:
    """Remove the account that loads into DATABASE, if it is there, and end its sessions. Raises BackupError."""
    who = names.account(loader_of(database))
    sql(f"DROP USER IF EXISTS {who}; KILL USER {who};")


def shut(database: str) -> None:
    """Take from everybody the rights on DATABASE. Raises BackupError."""
    on = names.all_of(database)
    for user, host in sql(f"SELECT User, Host FROM mysql.db WHERE Db = {names.literal(names.pattern(database))};"):
        sql(f"REVOKE ALL PRIVILEGES ON {on} FROM {names.literal(user)}@{names.literal(host)};")
