# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the local cluster tells of itself: its place, an app's database in it, and how far its WAL is archived.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError, plain
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    Cluster,
    PostgresError,
    find_cluster,
    literal,
    psql,
    psql_as,
)

ARCHIVED_SECONDS = 60
"""How long a segment may take to be in all repositories before that counts as a problem."""
RESTART = (
    "WAL is not archived, because PostgreSQL has to be restarted once for that (archive_mode): close the sites "
    "(playbooks/maintenance.yml -e state=on), run playbooks/provision.yml --tags postgresql -e postgres_server_restart=true, "
    "and open them again (-e state=off)"
)
THERE = "SELECT to_regclass('alembic_version') IS NOT NULL;"
HEAD = "SELECT left(coalesce(string_agg(version_num, '+' ORDER BY version_num), ''), 400) FROM alembic_version;"
ARCHIVER = """
SELECT json_build_object(
  'archived', coalesce(last_archived_wal, ''), 'archived_at', extract(epoch FROM last_archived_time),
  'failed', coalesce(last_failed_wal, ''), 'failed_at', extract(epoch FROM last_failed_time),
  'command', current_setting('archive_command'), 'mode', current_setting('archive_mode'),
  'data', current_setting('data_directory'))
FROM pg_stat_archiver;
"""


@dataclass(frozen=True)
class Database:
    """One database: its bytes, and where its migrations are ("" when there are none)."""

    size: int
    head: str


def cluster_of(settings: Settings) -> Cluster:
    """Return the cluster that is backed up. Raises BackupError where there is none."""
    try:
        found = find_cluster(settings.cluster)
    except PostgresError as error:
        raise BackupError(str(error)) from None
    if found is None:
        raise BackupError("there is no PostgreSQL cluster on this host")
    return found


def ask(cluster: Cluster, sql: str, database: str = "postgres") -> str:
    """Return what the server answers to SQL. Raises BackupError."""
    try:
        return psql(cluster, sql, database).strip()
    except PostgresError as error:
        raise BackupError(f"PostgreSQL can't be asked: {error}") from None


def look(cluster: Cluster, name: str, user: str) -> Database:
    """Return what is known of the database called NAME, in which USER's role is at home. Raises BackupError when it isn't there."""
    size = ask(cluster, f"SELECT pg_database_size(oid) FROM pg_database WHERE datname = {literal(name)};")
    if not size:
        raise BackupError(f"there is no database {name} in the cluster {cluster.version}/{cluster.name}")
    try:  # what the app calls so may be anything, and runs with its rights
        there = psql_as(user, cluster, THERE, name).strip() == "t"
        head = psql_as(user, cluster, HEAD, name).strip() if there else ""
    except PostgresError as error:
        raise BackupError(f"the database {name} can't be queried for its migrations: {error}") from None
    return Database(int(size), plain(head))


def archiver(cluster: Cluster) -> dict[str, Any]:
    """Return how archiving goes: see ARCHIVER; times are seconds of Unix, None for never. Raises BackupError."""
    found: dict[str, Any] = json.loads(ask(cluster, ARCHIVER))
    return found


def waits_for_restart(found: Mapping[str, Any]) -> str:
    """Return what to do where the server is set to archive WAL and does not, "" where it does; FOUND is the `archiver`'s."""
    return RESTART if found["mode"] == "off" and "pgbackrest" in found["command"] else ""


def wait_archived(cluster: Cluster, segment: str, seconds: float = ARCHIVED_SECONDS) -> str:
    """Wait until SEGMENT is archived, or given up; return why it isn't after SECONDS, "" when it is. Raises BackupError."""
    deadline = time.monotonic() + seconds
    while True:
        found = archiver(cluster)
        if found["archived"][:24] >= segment:
            return ""
        if time.monotonic() > deadline:
            fails = float(found["failed_at"] or 0) > float(found["archived_at"] or 0)
            failing = f"; it fails at {found['failed']}" if fails else ""
            return f"WAL segment {segment} was not archived within {seconds:.0f} s{failing}"
        time.sleep(0.2)


def system(cluster: Cluster) -> int:
    """Return the cluster's own number, which no other has. Raises BackupError."""
    return int(ask(cluster, "SELECT system_identifier FROM pg_control_system();"))
