# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Views, triggers, routines and events of a database of the host's MariaDB, which can't move to another one: kept as SQL.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import mariadb, mariadb_load, mariadb_swap
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._database import mysql
from ansible_collections.slipway.flask.plugins.module_utils._mysql.dump_text import Dump, TextError
from ansible_collections.slipway.flask.plugins.module_utils._mysql.url import parse_url, socket_url


def foreign(database: str, user: str) -> list[str]:
    """Return what in DATABASE does not belong to the account of USER, who can't read all of it then. Raises BackupError."""
    return [
        f"{kind.lower()} {name} ({definer})"
        for kind, name, definer in mariadb_swap.objects(database)
        if definer != f"{user}@localhost"
    ]


def refused(database: str, user: str) -> str:
    """Return why what DATABASE has can't be put aside, "" when it can. Raises BackupError."""
    theirs = foreign(database, user)
    if not theirs:
        return ""
    return (
        f"the database has objects that belong to another account than {user}@localhost, so it can't be set "
        f"aside: {', '.join(theirs[:3])}. Create them again as {user} (without DEFINER), or drop them"
    )


def save(database: str, user: str, path: Path) -> None:
    """Write what DATABASE has of them to PATH, as SQL and for root alone, as its USER sees it. Raises BackupError."""
    command = [*mysql.dumping(parse_url(socket_url("mysql", database, user)), anywhere=True), "--no-data"]
    temporary = path.with_name(f".{path.name}.new")
    with mariadb.new_file(temporary) as out:
        if mariadb_swap.objects(database):
            with mariadb_load.output(command, user, f"reading the views and triggers of {database}") as text:
                try:
                    mariadb_load.keep(Dump(text, mariadb_load.collations()), out)
                except TextError as error:
                    raise BackupError(f"the views and triggers of {database} can't be read: {error}") from None
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(path)
