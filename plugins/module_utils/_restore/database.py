# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app's database as it was, made ready beside the live one.

What was in the app's hands never runs as the superuser: a CHECK or an index can call any function. So the owner fills its
database itself, and the superuser only makes what needs one: the empty database and its extensions.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import os
import pwd
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ansible_collections.slipway.flask.plugins.module_utils._backup.command import run
from ansible_collections.slipway.flask.plugins.module_utils._backup.database import wait_archived
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._postgres import databases
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    SUPERUSER,
    Cluster,
    PostgresError,
    identifier,
    literal,
    psql,
    psql_as,
)
from ansible_collections.slipway.flask.plugins.module_utils._postgres.places import SOCKET_FOLDER

LOCALE = "C.UTF-8"
ARCHIVE_SECONDS = 60
"""How long newest WAL may take to be archived: a timeout of a target's is not waited for."""
COUNTED_BYTES = 1 << 30
"""Rows of a larger database are not counted: it would be read whole, twice."""
COUNT_SECONDS = 60

MARK = """
SELECT pg_current_xact_id();
SELECT pg_walfile_name(pg_switch_wal());
"""
PROPERTIES = """
SELECT json_build_object(
  'owner', pg_get_userbyid(datdba), 'locale', datcollate, 'limit', datconnlimit, 'bytes', pg_database_size(oid),
  'sessions', (SELECT count(*) FROM pg_stat_activity WHERE datname = {name} AND backend_type = 'client backend'),
  'grants', (SELECT coalesce(json_agg(json_build_array(privilege_type, grantee::regrole::text)), '[]')
             FROM aclexplode(datacl) WHERE grantee NOT IN (0, datdba)),
  'settings', (SELECT coalesce(json_agg(json_build_array(CASE setrole WHEN 0 THEN '' ELSE setrole::regrole::text END, one)), '[]')
               FROM pg_db_role_setting, unnest(setconfig) AS one WHERE setdatabase = pg_database.oid))
FROM pg_database WHERE datname = {name};
"""
EXTENSIONS = "SET search_path = pg_catalog; SELECT extname FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1;\n"
ROLES = """
SET search_path = pg_catalog;
SELECT DISTINCT rolname FROM pg_shdepend JOIN pg_roles ON pg_roles.oid = refobjid
WHERE refclassid = 'pg_authid'::regclass AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database());
"""
VERSIONS = (
    "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE tablename = 'alembic_version' ORDER BY 1;\n"
)
COUNTS = """
SELECT coalesce(json_object_agg(schemaname || '.' || tablename, (xpath('/row/c/text()',
  query_to_xml(format('SELECT count(*) AS c FROM %I.%I', schemaname, tablename), false, true, '')))[1]::text::bigint), '{}')
FROM pg_tables WHERE schemaname !~ '^pg_' AND schemaname <> 'information_schema'
  AND has_table_privilege(format('%I.%I', schemaname, tablename), 'SELECT');
"""
ENTRY = re.compile(r"^(\d+); \d+ \d+ (.+)$")
SUPERUSERS = re.compile(r"(EVENT TRIGGER|PUBLICATION|SUBSCRIPTION|SECURITY LABEL)\b")
"""What of a dump only a superuser can make."""
PRESENT = re.compile(r"(EXTENSION|COMMENT - EXTENSION|COMMENT - SCHEMA public|COMMENT - LANGUAGE)\b")
"""What is there already, or says what is said of it anyway."""


class Copy(Protocol):
    """A cluster of another time (a scratch cluster)."""

    def sql(self, database: str, text: str, seconds: float | None = None) -> str: ...
    def dump(self, database: str, path: Path, options: Sequence[str] = ()) -> None: ...


def properties(cluster: Cluster, name: str) -> dict[str, Any]:
    """Return what the server says of the database NAME; nothing when there is none."""
    said = _psql(cluster, PROPERTIES.format(name=literal(name)))
    return dict(json.loads(said)) if said.strip() else {}


def archive_now(cluster: Cluster) -> bool:
    """Have all WAL up to now archived, with a transaction behind it for a recovery to stop at; tell whether it came there."""
    return not wait_archived(cluster, _psql(cluster, MARK).split()[-1], ARCHIVE_SECONDS)


def make(
    cluster: Cluster, copy: Copy, database: str, new: str, user: str, dump: Path, live: Mapping[str, Any]
) -> list[str]:
    """Make the database NEW on CLUSTER of what COPY has as DATABASE; return notes. Raises BackupError.

    :param user: its owner, a system user and a role.
    :param dump: a file to be made for it, and removed.
    :param live: the properties of the live one, which the new one gets; nothing when it is gone.
    """
    notes: list[str] = []
    dump.unlink(missing_ok=True)
    try:
        copy.dump(database, dump)
        extensions = tuple(copy.sql(database, EXTENSIONS).split())
        wanted = databases.Database(new, user, extensions)
        try:
            databases.ensure(cluster, [wanted], str(live.get("locale") or LOCALE))
        except PostgresError as error:
            raise BackupError(f"the database can't be created: {error}") from None
        notes += _missing_roles(cluster, copy.sql(database, ROLES).split())
        notes += _fill(cluster, new, user, dump)
        _psql(cluster, _as_live(new, live))
        _as(cluster, user, "psql", "-X", "-q", "-w", "-d", new, "-c", "ANALYZE", what="look through the tables")
    finally:
        dump.unlink(missing_ok=True)
    return notes


def _missing_roles(cluster: Cluster, wanted: Iterable[str]) -> list[str]:
    """Make roles that had rights in the database and are gone since; none of them can log in."""
    there = set(_psql(cluster, "SELECT rolname FROM pg_roles;\n").split())
    missing = sorted(set(wanted) - there)
    _psql(cluster, "".join(f"CREATE ROLE {identifier(name)} NOLOGIN;\n" for name in missing))
    return [
        f"the role {name} had privileges in the database but was gone; it was recreated and can't log in"
        for name in missing
    ]


def _fill(cluster: Cluster, new: str, user: str, dump: Path) -> list[str]:
    """Have USER restore a DUMP into NEW."""
    program = str(cluster.programs / "pg_restore")
    done = run([program, "--list", str(dump)])
    if done.returncode:
        raise BackupError(f"the dump can't be read: {done.stderr.strip()[-300:]}")
    found = entries(done.stdout)
    listed = dump.with_suffix(".list")
    try:
        for who, lines in ((user, found.owners), (SUPERUSER, found.extensions)):
            if lines:
                listed.unlink(missing_ok=True)
                listed.write_text("\n".join(lines) + "\n")
                listed.chmod(0o644)
                owner = pwd.getpwnam(who)
                os.chown(dump, owner.pw_uid, owner.pw_gid)
                options = [
                    "--no-owner",
                    "--exit-on-error",
                    "--jobs=2",
                    f"--use-list={listed}",
                    "--dbname",
                    new,
                    str(dump),
                ]
                _as(cluster, who, "pg_restore", "--no-password", *options, what="restore the database")
    except KeyError:
        raise BackupError(f"there is no user '{user}' on the host: run site.yml first") from None
    finally:
        listed.unlink(missing_ok=True)
    return [f"left out, because only a superuser can create it: {text}" for text in found.left]


@dataclass
class Entries:
    """The lines of `pg_restore --list`: what the owner restores, rows of tables that an extension makes, and what is left out."""

    owners: list[str] = field(default_factory=list)
    extensions: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def entries(listing: str) -> Entries:
    """Sort the lines of a LISTING.

    Tables whose rows are in the dump and that are not are an extension's (PostGIS has one of coordinate systems); they
    are the superuser's own.
    """
    found = Entries()
    lines = [(line, match[2]) for line in listing.splitlines() if (match := ENTRY.match(line))]
    tables = {text.rpartition(" ")[0] for _, text in lines if text.startswith("TABLE ")}
    for line, text in lines:
        if SUPERUSERS.match(text):
            found.left.append(text)
        elif text.startswith("TABLE DATA ") and text.rpartition(" ")[0].replace("TABLE DATA", "TABLE", 1) not in tables:
            found.extensions.append(line)
        elif not PRESENT.match(text):
            found.owners.append(line)
    return found


def _as_live(new: str, live: Mapping[str, Any]) -> str:
    """Return the SQL that gives the database NEW the rights and settings that the live one has.

    A value goes by way of the session, which knows how a list such as search_path is written.
    """
    name = identifier(new)
    found = [f"GRANT {privilege} ON DATABASE {name} TO {role};\n" for privilege, role in live.get("grants", [])]
    for role, setting in live.get("settings", []):
        key, _, value = setting.partition("=")
        subject = f"ROLE {role} IN DATABASE {name}" if role else f"DATABASE {name}"
        quoted = ".".join(map(identifier, key.split(".")))  # the app may have made one up
        found.append(
            f"SET {quoted} = DEFAULT;\nSELECT pg_catalog.set_config({literal(key)}, {literal(value)}, false);\n"
        )
        found.append(f"ALTER {subject} SET {quoted} FROM CURRENT;\n")
    return "".join(found)


def heads(versions: str, rows: Any) -> list[str]:
    """Return where the migrations are in a database: VERSIONS is what it says of Alembic's table, ROWS asks that one."""
    tables = versions.split("\n")
    return sorted(rows(tables[0]).split()) if tables and tables[0] else []


def heads_in(cluster: Cluster, database: str, user: str) -> list[str]:
    """Return the migration heads of DATABASE, [] when it has none; read with the rights of USER, its owner. Raises BackupError."""
    try:
        versions = psql_as(user, cluster, VERSIONS, database).strip()
        return heads(versions, lambda table: psql_as(user, cluster, f"SELECT version_num FROM {table};\n", database))
    except PostgresError as error:
        raise BackupError(f"the database {database} can't be queried for its migrations: {error}") from None


def counts(cluster: Cluster, name: str, user: str, size: int) -> dict[str, int] | None:
    """Return how many rows each table of the database NAME has that USER can read; None when counting would take long.

    It is done with the rights of USER, whose they are: a table may be a view by the time it is read.
    """
    if size > COUNTED_BYTES:
        return None
    try:
        said = psql_as(user, cluster, COUNTS, name, COUNT_SECONDS)
        return {str(table): int(rows) for table, rows in json.loads(said).items()}
    except (PostgresError, ValueError):
        return None


def _as(cluster: Cluster, user: str, program: str, *arguments: str, what: str) -> None:
    command = [str(cluster.programs / program), "--host", SOCKET_FOLDER, "--port", str(cluster.port)]
    done = run([*command, "--username", user, *arguments], user)
    if done.returncode:
        raise BackupError(f"{user} could not {what}: {' '.join(done.stderr.split())[-600:]}")


def _psql(cluster: Cluster, text: str) -> str:
    try:
        return psql(cluster, text) if text.strip() else ""
    except PostgresError as error:
        raise BackupError(f"PostgreSQL refused: {error}") from None
