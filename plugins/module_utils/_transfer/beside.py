# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A database beside the live one, for a dump to go into: made like it, filled by the app's role, and dropped if that fails.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    Cluster,
    PostgresError,
    identifier,
    literal,
    psql,
    psql_as,
)
from ansible_collections.slipway.flask.plugins.module_utils._postgres.places import SOCKET_FOLDER
from ansible_collections.slipway.flask.plugins.module_utils._transfer import child, load, verdict
from ansible_collections.slipway.flask.plugins.module_utils._transfer.reading import Reading
from ansible_collections.slipway.flask.plugins.module_utils._transfer.source import Source
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError

LIKE = """
SELECT json_build_object('encoding', pg_encoding_to_char(encoding), 'collate', datcollate, 'ctype', datctype,
  'limit', datconnlimit, 'settings', (SELECT coalesce(json_agg(one), '[]') FROM pg_db_role_setting, unnest(setconfig) AS one
                                      WHERE setrole = 0 AND setdatabase = d.oid))
FROM pg_database AS d WHERE datname = {live};
"""
ROWS = """
SELECT coalesce(sum((xpath('/row/n/text()', query_to_xml(format(
  'SELECT count(*) AS n FROM (SELECT 1 FROM %I.%I LIMIT 1) AS x', n.nspname, c.relname), false, true, '')))[1]::text::int), 0)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relname NOT LIKE 'alembic%' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname NOT LIKE 'pg\\_toast%'
  AND NOT EXISTS (SELECT FROM pg_depend AS e WHERE e.objid = c.oid AND e.deptype = 'e');
"""
"""How many tables of the app's have a row. Tables of extensions, and Alembic's own, are not data."""
COUNTS = """
SELECT json_build_object('tables', (SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND NOT EXISTS (SELECT FROM pg_depend AS e WHERE e.objid = c.oid AND e.deptype = 'e')),
  'bytes', pg_database_size(current_database()));
"""
LISTS = ("search_path", "session_preload_libraries", "temp_tablespaces", "local_preload_libraries")
"""Settings whose value is a list of names, which is not quoted as a whole."""
ANALYZE_SECONDS = 3600
FLOOR_MB = 256
"""Room that is left on the disk of the database, whatever a dump grows to."""


def connection(cluster: Cluster, database: str, user: str) -> dict[str, str]:
    """Return libpq's parameters of a session as the role USER, over the socket."""
    return {
        "host": SOCKET_FOLDER, "port": str(cluster.port), "dbname": database, "user": user,
        "application_name": "slipway-import", "client_encoding": "UTF8", "connect_timeout": "10",
        "options": "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0 -c synchronous_commit=off"
        # A session whose client was killed ends, instead of running its statement to the end (manual 19.3.2).
        " -c client_connection_check_interval=2s",
    }  # fmt: skip


def has_rows(cluster: Cluster, database: str, user: str = "") -> bool:
    """Tell whether any table of the app's has a row. USER is the app's; "" is the one that is called like the DATABASE.

    It asks with the app's rights: a table may be a view by the time it is read, and run what the app wants.
    """
    return int(psql_as(user or database, cluster, ROWS, database).strip() or 0) > 0


def folder_of(cluster: Cluster) -> Path:
    """Return where the server keeps its databases."""
    return Path(psql(cluster, "SHOW data_directory;\n").strip())


def limit(cluster: Cluster, database: str) -> int:
    """Return how many connections DATABASE allows, -1 for any number."""
    return int(
        psql(cluster, f"SELECT datconnlimit FROM pg_database WHERE datname = {literal(database)};\n").strip() or -1
    )


def create(cluster: Cluster, live: str, new: str, owner: str) -> None:
    """Make the empty database NEW for OWNER with the encoding, locale, limit and settings that LIVE has.

    :raises PostgresError: with the server's message, and when there is no LIVE.
    """
    said = psql(cluster, LIKE.format(live=literal(live))).strip()
    if not said:
        raise PostgresError(f"there is no database {live} on this host: run site.yml first")
    psql(cluster, "".join(f"{one};\n" for one in statements(json.loads(said), new, owner)))


def statements(like: dict[str, Any], new: str, owner: str) -> list[str]:
    """Return the SQL that makes a database as LIKE tells of another one."""
    name = identifier(new)
    found = [
        f"CREATE DATABASE {name} OWNER {identifier(owner)} TEMPLATE template0 ENCODING {literal(like['encoding'])} "
        f"LC_COLLATE {literal(like['collate'])} LC_CTYPE {literal(like['ctype'])} CONNECTION LIMIT {int(like['limit'])}",
        f"REVOKE CONNECT, TEMPORARY ON DATABASE {name} FROM PUBLIC",
    ]
    for setting in like["settings"]:
        key, _, value = setting.partition("=")
        text = value if key in LISTS else literal(value)
        found.append(f"ALTER DATABASE {name} SET {identifier(key)} TO {text or literal('')}")
    return found


def extend(cluster: Cluster, database: str, owner: str, extensions: Sequence[verdict.Extension]) -> list[str]:
    """Make EXTENSIONS in the still empty DATABASE, as the superuser; return the schemas that are there beside public.

    Nothing foreign has run in it by now, so nothing can stand in the way of an extension's own script (CVE-2022-2625).
    """
    schemas = sorted({one.schema for one in extensions} - {"", "public", "pg_catalog"})
    sql = [f"CREATE SCHEMA {identifier(schema)} AUTHORIZATION {identifier(owner)}" for schema in schemas]
    for one in extensions:
        into = f" SCHEMA {identifier(one.schema)}" if one.schema in schemas else ""
        sql.append(f"CREATE EXTENSION IF NOT EXISTS {identifier(one.name)}{into} CASCADE")
    if schemas:
        path = ", ".join(['"$user"', "public", *map(identifier, schemas)])
        sql.append(f"ALTER DATABASE {identifier(database)} SET search_path TO {path}")
    if sql:
        psql(cluster, "".join(f"{one};\n" for one in sql), database, path="public")  # where extensions go
    return schemas


def survey(source: Source, user: str, unit: str) -> load.Survey:
    """Look through a dump, as USER. Raises DumpError for one that is refused."""
    reading = Reading(source, unit, "pre-data")

    def work(tell: child.Tell) -> dict[str, Any]:
        with reading.text() as text:
            return vars(load.survey(text))

    return load.Survey(**checked(reading, user, work, lambda told: None))


def fill(
    cluster: Cluster, database: str, source: Source, user: str, unit: str, schemas: Sequence[str],
    tell: Callable[[str], None],
) -> dict[str, int]:  # fmt: skip
    """Run the dump in DATABASE as USER; return what was left out. Raises DumpError, also when the disk gets full."""
    reading = Reading(source, unit)
    folder = folder_of(cluster)

    def work(say: child.Tell) -> dict[str, int]:
        with reading.text() as text:
            numbered = source.kind == "plain"
            return load.load(text, connection(cluster, database, user), ["public", *schemas], numbered, say)

    def look(told: Any) -> None:
        if shutil.disk_usage(folder).free < FLOOR_MB << 20:
            raise DumpError(f"less than {FLOOR_MB} MB are left in {folder}: there is not enough disk space")
        if isinstance(told, int):
            tell(f"import: {told >> 20} MB read")

    done: dict[str, int] = checked(reading, user, work, look)
    psql_as(user, cluster, "SET client_min_messages = error;\nANALYZE;\n", database, ANALYZE_SECONDS)
    return done


def checked(reading: Reading, user: str, work: Callable[[child.Tell], Any], look: Callable[[Any], None]) -> Any:
    """Return what WORK returns; where pg_restore failed, that is why, whatever WORK made of it."""
    try:
        done = child.run(user, work, look, reading.begin)
    except DumpError:
        reading.check(complete=False)
        raise
    reading.check()
    return done


def counts(cluster: Cluster, database: str) -> dict[str, int]:
    """Return how many tables DATABASE has, and its size in bytes."""
    found: dict[str, int] = json.loads(psql(cluster, COUNTS, database))
    return found
