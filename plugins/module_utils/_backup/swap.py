# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Restored data and what is there change places, and back: by names alone, each step good to do again after a kill.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import mariadb_swap, mariadb_tables
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.journal import Folder, Journal
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    Cluster,
    PostgresError,
    find_cluster,
    identifier,
    literal,
    psql,
)

END_SECONDS = 10
"""How long a session may take to end that is told to."""
END = """
WITH mine AS MATERIALIZED (SELECT pid FROM pg_stat_activity WHERE datname = {name} AND pid <> pg_backend_pid())
SELECT count(*) FROM mine WHERE NOT pg_terminate_backend(pid, {milliseconds});
"""
"""Without MATERIALIZED the server is free to end sessions before it looks whose they are."""


def forward(journal: Journal) -> None:
    """Put the restored data in the place of what is there. Raises BackupError."""
    if journal.database:
        _database(journal, journal.new, journal.kept)
    if journal.mariadb:
        _mariadb_forward(journal)
    for folder in journal.folders:
        _folder_forward(folder)


def back(journal: Journal) -> None:
    """Put back what was there, as far as it was put aside. Raises BackupError."""
    for folder in journal.folders:
        _folder_back(folder)
    if journal.database:
        _database(journal, journal.kept, journal.new)
    if journal.mariadb:
        _mariadb_back(journal)


def discard(journal: Journal) -> None:
    """Remove what was restored and is in nobody's place. Raises BackupError."""
    if journal.database:
        drop(_cluster(journal), journal.new)
    if journal.mariadb:
        mariadb_tables.drop(journal.new)
    for made in map(Path, journal.made):
        if made.is_dir():
            shutil.rmtree(made, ignore_errors=True)
        else:
            made.unlink(missing_ok=True)


# ---- the database ------------------------------------------------------------------------------------------------


def _database(journal: Journal, comes: str, goes: str) -> None:
    """Have the database COMES take the app's name, and the one that has it the name GOES, in one step.

    Between closing and renaming nobody can connect, and so nothing can be written that would be in neither of them. What is
    put aside lets in no one but superusers.
    """
    cluster, live, old = _cluster(journal), journal.database, journal.kept
    there = databases(cluster)
    forth = comes == journal.new
    if comes in there:
        if live in there:
            close(cluster, live)
        statements = [f"ALTER DATABASE {identifier(live)} RENAME TO {identifier(goes)}"] if live in there else []
        statements.append(f"ALTER DATABASE {identifier(comes)} RENAME TO {identifier(live)}")
        if forth and live in there:
            statements.append(f"ALTER DATABASE {identifier(old)} CONNECTION LIMIT 0")
        statements.append(f"ALTER DATABASE {identifier(live)} CONNECTION LIMIT {journal.limit}")
        close(cluster, comes)
        _sql(cluster, "BEGIN;\n" + "".join(f"{one};\n" for one in statements) + "COMMIT;\n")
    elif not forth and not journal.had and live in there and journal.new not in there:
        close(cluster, live)
        _sql(cluster, f"ALTER DATABASE {identifier(live)} RENAME TO {identifier(journal.new)};\n")
    there = databases(cluster)
    for name in (live, old, journal.new):
        if name in there:
            _sql(cluster, f"ALTER DATABASE {identifier(name)} ALLOW_CONNECTIONS true;\n")


def close(cluster: Cluster, database: str) -> None:
    """End all sessions in DATABASE, and let none begin. Raises BackupError when one does not end."""
    _sql(cluster, f"ALTER DATABASE {identifier(database)} ALLOW_CONNECTIONS false;\n")
    ended = END.format(name=literal(database), milliseconds=END_SECONDS * 1000)
    if int(_sql(cluster, ended).strip() or 0):
        raise BackupError(f"a session in the database {database} can't be ended: see pg_stat_activity")


def databases(cluster: Cluster) -> set[str]:
    """Return the names of all databases."""
    return set(_sql(cluster, "SELECT datname FROM pg_database;\n").splitlines())


def drop(cluster: Cluster, database: str) -> None:
    """Remove DATABASE if it is there, whoever uses it. Raises BackupError."""
    _sql(cluster, f"DROP DATABASE IF EXISTS {identifier(database)} WITH (FORCE);\n")


def size(cluster: Cluster, database: str) -> int:
    """Return the bytes of DATABASE, 0 when there is none."""
    text = f"SELECT pg_database_size(oid) FROM pg_database WHERE datname = {literal(database)};\n"
    return int(_sql(cluster, text).strip() or 0)


def _sql(cluster: Cluster, text: str) -> str:
    try:
        return psql(cluster, text)
    except PostgresError as error:
        raise BackupError(f"PostgreSQL refused: {error}") from None


def _cluster(journal: Journal) -> Cluster:
    return cluster_of(journal.cluster)


def cluster_of(wanted: str) -> Cluster:
    """Return the host's cluster WANTED, as `17/main`. Raises BackupError when it is not there or does not run."""
    try:
        found = find_cluster(wanted)
    except PostgresError as error:
        raise BackupError(str(error)) from None
    if found is None or not found.online:
        raise BackupError(
            f"PostgreSQL {found.version}/{found.name} does not run: systemctl start {found.unit}" if found
            else "there is no PostgreSQL cluster on this host"
        )  # fmt: skip
    return found


# ---- the database in MariaDB -------------------------------------------------------------------------------------


def _mariadb_forward(journal: Journal) -> None:
    journal.notes += mariadb_swap.exchange(journal.mariadb, journal.new, journal.kept, journal.objects, journal.user)


def _mariadb_back(journal: Journal) -> None:
    mariadb_swap.unlock(journal.user)
    if journal.had:
        journal.notes += mariadb_swap.exchange(
            journal.mariadb, journal.kept, journal.new, journal.objects_before, journal.user
        )
        return
    if not mariadb_tables.tables_of(journal.new):  # what was restored has taken the place of nothing
        mariadb_swap.drop_objects(journal.mariadb)
        mariadb_swap.move(journal.user, (journal.mariadb, journal.new))
    if journal.objects_before.exists():
        journal.notes += mariadb_swap.place(journal.mariadb, journal.objects_before, journal.user)
    mariadb_tables.drop(journal.kept)


# ---- folders -----------------------------------------------------------------------------------------------------


def _folder_forward(folder: Folder) -> None:
    if not os.path.lexists(folder.new):
        return  # it is in its place already
    if os.path.lexists(folder.live) and not os.path.lexists(folder.kept):
        _rename(folder.live, folder.kept)
    _rename(folder.new, folder.live)


def _folder_back(folder: Folder) -> None:
    if os.path.lexists(folder.kept):
        if os.path.lexists(folder.live):
            _rename(folder.live, folder.new)
        _rename(folder.kept, folder.live)
    elif not folder.had and os.path.lexists(folder.live) and not os.path.lexists(folder.new):
        _rename(folder.live, folder.new)


def _rename(source: str, target: str) -> None:
    """Rename in one step, and have it on disk; owner, modes and access lists go along. Raises BackupError.

    No link is followed on the way: the app may own a folder there, and must not lead root elsewhere.
    """
    try:
        here, there = folder_at(Path(source).parent), folder_at(Path(target).parent, make=True)
        try:
            os.rename(Path(source).name, Path(target).name, src_dir_fd=here, dst_dir_fd=there)
            for parent in (here, there):
                os.fsync(parent)
        finally:
            os.close(here)
            os.close(there)
    except OSError as error:
        raise BackupError(f"{source} can't be renamed to {target}: {error.strerror}") from None


def folder_at(path: Path, make: bool = False) -> int:
    """Open the folder at an absolute PATH that has no link in it; what is missing can be made for root. Raises OSError."""
    handle = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    for part in path.parts[1:]:
        try:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o700, dir_fd=handle)
            found = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
        finally:
            os.close(handle)
        handle = found
    return handle
