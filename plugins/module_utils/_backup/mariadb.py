# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A database in the host's MariaDB: dumped as SQL into a restore point, and brought back from there.

Weighed: mariadb-backup copies the files of the whole server, all apps and accounts in one, for the same version and an empty data
folder; one app's database can't be taken out of it by itself. A dump is one app's, of any version, and restic saves the parts that
changed. It is the moment of its restore point, and there is none between two of them.

It is dumped by the app's user, and loaded by an account that may do everything in the one database and nothing in another,
whatever the dump says (mariadb_load.py).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import (
    mariadb_load,
    mariadb_swap,
    mariadb_tables,
    points,
)
from ansible_collections.slipway.flask.plugins.module_utils._backup.command import PATH
from ansible_collections.slipway.flask.plugins.module_utils._backup.database import Database
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError, plain
from ansible_collections.slipway.flask.plugins.module_utils._backup.restic import Restic
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData
from ansible_collections.slipway.flask.plugins.module_utils._database import mysql
from ansible_collections.slipway.flask.plugins.module_utils._mysql import names
from ansible_collections.slipway.flask.plugins.module_utils._mysql.dump_text import TextError
from ansible_collections.slipway.flask.plugins.module_utils._mysql.url import parse_url, socket_url

FOLDER, ENDING = "dump", ".mariadb.sql"
COMPLETE = b"-- Dump completed"
"""The last line of a dump that is whole."""
LEAST_SECONDS, LEAST_RATE = 1800, 1 << 20
"""A dump may take so long, and a second for so many bytes: it waits for whoever has a table locked, and all other apps for it."""
TAIL = 400
"""Bytes of its end in which that is looked for."""
LOOK = """
SELECT COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {name};
SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {name} AND TABLE_NAME = 'alembic_version'
  AND TABLE_TYPE = 'BASE TABLE';
"""
CHANGED = """
SELECT TABLE_NAME, COALESCE(UPDATE_TIME, ''), UPDATE_TIME IS NULL OR UPDATE_TIME < NOW() - INTERVAL {seconds} SECOND
FROM information_schema.TABLES WHERE TABLE_SCHEMA = {name} AND TABLE_TYPE = 'BASE TABLE';
"""
SURE_SECONDS = 2
"""A change so shortly before may be followed by one in the same second, which UPDATE_TIME does not tell apart."""
COUNTED_BYTES = 1 << 30
"""Up to this size rows are counted, for a person to see what a restore changes."""
HEAD = "SELECT GROUP_CONCAT(version_num ORDER BY version_num SEPARATOR '+') FROM alembic_version;"


def file_of(folder: Path, app: AppData) -> Path:
    """Return where the dump of APP is in the FOLDER of its manifest, staged or in a snapshot."""
    return folder / FOLDER / f"{app.mariadb}{ENDING}"


def look(app: AppData) -> Database:
    """Return what is known of APP's database. Raises BackupError when the server can't be asked.

    It asks with the app's rights: a view that the app calls `alembic_version` runs the app's functions as whoever reads it.
    """
    try:
        (size,), (there,) = names.sql(LOOK.format(name=names.literal(app.mariadb)), user=app.user)
        head = names.sql(HEAD, app.mariadb, app.user)[0][0] if int(there) else ""
    except names.MysqlError as error:
        raise BackupError(f"MariaDB can't be asked: {error}") from None
    return Database(int(size), "" if head == "NULL" else plain(head[:400]))


def dump(app: AppData, folder: Path) -> Path:
    """Dump APP's database below FOLDER, and return the file, which only root can read.

    :raises BackupError: when there is no room for it, or it does not come to its end.
    """
    path, size = file_of(folder, app), look(app).size
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if (free := shutil.disk_usage(path.parent).free) < size:
        raise BackupError(f"only {free // 2**20} MB are free below {folder} for a dump of up to {size // 2**20} MB")
    command = mysql.dumping(parse_url(socket_url("mysql", app.mariadb, app.user)), anywhere=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
        seconds = LEAST_SECONDS + size // LEAST_RATE
        _run(command, app.user, f"the dump of {app.mariadb}", to=file, seconds=seconds)
    if not whole(path):
        raise BackupError(f"the dump of {app.mariadb} is truncated")
    return path


def stage(app: AppData, folder: Path) -> dict[str, Any]:
    """Dump APP's database below FOLDER; return its `tables`, the `rows` of those that nobody wrote to meanwhile, and its `head`.

    The head is left out when a migration ran meanwhile. A drill counts again; of a large database, or one that is slow to count,
    no rows are known. Raises BackupError.
    """
    known, before, rows = look(app), _changed(app), dict[str, int]()
    with suppress(BackupError):  # it would take too long, or a table went meanwhile
        rows = counts(app.mariadb, known.size, app.user) or {}
    dump(app, folder)
    after, head = _changed(app), look(app).head
    quiet = {
        name for name, (time, sure) in before.items() if sure and after.get(name, ("?", False))[0] == time and name in rows
    }  # fmt: skip
    found = {"tables": sorted(set(before) & set(after)), "rows": {name: rows[name] for name in sorted(quiet)}}
    return {**found, "head": head} if head == known.head else found


def _changed(app: AppData) -> dict[str, tuple[str, bool]]:
    """Return when each table was changed last, "" for not since it was opened, and whether that was long enough ago."""
    asked = CHANGED.format(name=names.literal(app.mariadb), seconds=SURE_SECONDS)
    return {name: (time, sure == "1") for name, time, sure in mariadb_tables.sql(asked)}


def fetch(repository: Restic, snapshot: str, app: AppData, to: Path) -> None:
    """Write the dump of APP that a SNAPSHOT has to the file TO, for root alone. Raises BackupError when it has none."""
    source = file_of(points.staged(app.name), app)
    to.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    with TemporaryDirectory(dir=to.parent) as folder:
        repository.restore(snapshot, Path(folder), [source])
        found = Path(folder, *source.parts[1:])
        if not found.is_file():
            raise BackupError(f"the restore point has no dump of {app.mariadb}")
        found.replace(to)


def whole(path: Path) -> bool:
    """Tell whether a dump has come to its end."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL))
        return COMPLETE in file.read()


def load(app: AppData, path: Path, new: str, aside: Path) -> None:
    """Make the database NEW, for root alone, of the dump of APP's in PATH; ASIDE is given what can't be moved to another one.

    :raises BackupError: when the dump is not whole or can't be loaded; NEW may be there then.
    """
    refuse_half(path)
    make(app.mariadb, new)
    with mariadb_load.loader(new) as login:
        _fill(app, path, new, login, aside)


def make(live: str, new: str) -> None:
    """Make the empty database NEW like the one called LIVE, in the place of one that a run before has left. Raises BackupError."""
    mariadb_tables.drop(new)
    like = f"CHARACTER SET utf8mb4 COLLATE {mariadb_tables.collation(live)}"
    mariadb_tables.sql(f"CREATE DATABASE {names.identifier(new)} {like};")


def fill(app: AppData, path: Path) -> list[str]:
    """Load the dump in PATH into APP's own database, as the app; a table of the same name goes. Raises BackupError.

    Returned is which views or triggers can't be made, since tables that they read are not there.
    """
    refuse_half(path)
    aside = path.with_name(f"{path.name}.aside")
    try:
        _fill(app, path, app.mariadb, mariadb_load.Login(app.user), aside)
        return mariadb_swap.place(app.mariadb, aside, app.user)
    finally:
        aside.unlink(missing_ok=True)


def refuse_half(path: Path) -> None:
    if not whole(path):
        raise BackupError(f"{path.name} is not a complete dump")


def _fill(app: AppData, path: Path, database: str, login: mariadb_load.Login, aside: Path) -> None:
    known, room = mariadb_load.collations(), mariadb_load.folder()
    try:
        with path.open("rb") as file, new_file(aside) as kept:
            mariadb_load.feed(file, database, login, known, app.user, kept, room)
    except TextError as error:
        raise BackupError(f"the dump of {app.mariadb} can't be loaded: {error}") from None


def new_file(path: Path) -> IO[bytes]:
    """Open a new file at PATH for root alone, in the place of one that a run before has left."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def counts(name: str, size: int, user: str = "") -> dict[str, int] | None:
    """Return how many rows each table of the database NAME has; None when counting SIZE bytes would take long.

    :param user: whose rights are used, for a database that an app gets into: a table may be a view by the time it is read.
    """
    if size > COUNTED_BYTES:
        return None
    tables = mariadb_tables.tables_of(name)
    each = [f"SELECT {names.literal(table)}, COUNT(*) FROM {names.identifier(table)}" for table in tables]
    rows = mariadb_tables.sql(" UNION ALL ".join(each) + ";", name, user) if each else []
    return {table: int(count) for table, count in rows}


def _run(
    command: Sequence[str],
    user: str,
    what: str,
    to: IO[bytes] | None = None,
    seconds: float | None = None,
) -> None:
    try:
        done = subprocess.run(
            list(command), stdin=subprocess.DEVNULL, stdout=to or subprocess.DEVNULL, stderr=subprocess.PIPE,
            check=False, cwd="/", env={"PATH": PATH, "LC_ALL": "C.UTF-8"}, timeout=seconds, **names.as_user(user),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise BackupError(f"{what} did not end within {seconds:.0f} s, and was stopped") from None
    except FileNotFoundError:
        raise BackupError(f"{Path(command[0]).name} is not installed on this host: run site.yml") from None
    except names.MysqlError as error:
        raise BackupError(str(error)) from None
    if not mysql.is_whole(done.returncode, done.stderr):
        said = done.stderr.decode(errors="replace").strip()[-500:]
        raise BackupError(f"{what} failed: {said}")
