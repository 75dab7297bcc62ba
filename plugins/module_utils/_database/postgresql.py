# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PostgreSQL: migrations one at a time and with timeouts, judged by squawk, dumped by pg_dump.

Each session of an app that must not write begins with `default_transaction_read_only` (libpq's PGOPTIONS, asyncpg's
server_settings, pg8000's startup_params), and each transaction of SQLAlchemy's with SET TRANSACTION READ ONLY, which also
holds behind a pooler and for drivers that take no options.

One migration at a time holds an advisory lock in a transaction of its own, so that the lock ends with it, also behind a
pooler. It asks for the lock again and again rather than wait in it: a session that waits has a snapshot, for which CREATE
INDEX CONCURRENTLY of the one that migrates would wait in turn.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._database import base
from ansible_collections.slipway.flask.plugins.module_utils._database.base import Run
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._postgres.url import DatabaseUrl, add_options, parse_url
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import UrlError, redact

SCRIPT = r"""
import inspect, os, sys, time


class Postgresql(Dialect):
    variables = ("PGOPTIONS",)
    writes_sql = True
    read_only = "-c default_transaction_read_only=on"
    number = 0x534C4950574159  # of the advisory lock: "SLIPWAY"; such locks belong to one database

    def guard(self):
        if not ask.get("pooler"):
            os.environ["PGOPTIONS"] = f"{os.environ.get('PGOPTIONS', '')} {self.read_only}".strip()

    def connecting(self, driver, dialect, parameters):
        if driver == "asyncpg" and not ask.get("pooler"):
            told = parameters.get("server_settings") or {}
            parameters["server_settings"] = {**told, "default_transaction_read_only": "on"}
        elif driver.startswith("psycopg") and parameters.get("options") and not ask.get("pooler"):
            parameters["options"] = f"{parameters['options']} {self.read_only}"
        elif driver == "pg8000" and "startup_params" in inspect.signature(dialect.dbapi.connect).parameters:
            more = {} if ask.get("pooler") else {"default_transaction_read_only": "on"}
            parameters["startup_params"] = {**(parameters.get("startup_params") or {}), **more}

    def begun(self, connection):
        execute = getattr(connection, "exec_driver_sql", connection.execute)
        execute("SET TRANSACTION READ ONLY")

    def lock(self, engine):
        from sqlalchemy import text

        said = False
        while True:
            connection = engine.connect().execution_options(isolation_level="READ COMMITTED")
            connection.execute(text("SELECT set_config('idle_in_transaction_session_timeout', '0', true)"))
            if connection.execute(text(f"SELECT pg_try_advisory_xact_lock({self.number})")).scalar():
                return connection
            connection.close()
            if not said:
                print("another migration of this database is under way: waiting for its end", file=sys.stderr, flush=True)
            said = True
            time.sleep(0.5)

    def holders(self, engine):
        from sqlalchemy import text

        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            return connection.execute(text(
                "SELECT DISTINCT a.pid, coalesce(a.usename::text, ''), a.application_name, coalesce(a.state, ''),"
                " coalesce(host(a.client_addr), ''), coalesce(extract(epoch FROM now() - a.xact_start), -1)::int"
                " FROM pg_stat_activity w CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS b(pid)"
                " JOIN pg_stat_activity a ON a.pid = b.pid"
                " WHERE w.datname = current_database() AND w.application_name = :name"
            ), {"name": os.environ.get("PGAPPNAME", "")}).fetchall()

    def server(self, connection):
        from sqlalchemy import text

        told = connection.execute(text(
            "SELECT current_setting('server_version_num')::int, pg_database_size(current_database()),"
            " current_setting('max_connections')::int,"
            " current_setting('superuser_reserved_connections')::int"
            " + coalesce(current_setting('reserved_connections', true)::int, 0),"
            " (SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL)"
        )).fetchone()
        return dict(zip(("version", "bytes", "max", "reserved", "used"), map(int, told)))


DIALECTS["postgresql"] = Postgresql()
"""


class Dump(base.Dump):
    """pg_dump's own format, of the database that URL leads to."""

    def __init__(self, url: DatabaseUrl) -> None:
        self.url = url

    def problem(self, server: Mapping[str, int]) -> str:
        pg_dump, version = client_version(), server.get("version", 0) // 10000
        if pg_dump >= max(version, 1):
            return ""
        have = f"pg_dump is version {pg_dump}" if pg_dump else "pg_dump is not installed"
        there, package = (f", the server is {version}", f"-{version}") if version else ("", "")
        return f"{have}{there}: install postgresql-client{package}"

    def command(self, file: Path) -> list[str]:
        return ["pg_dump", "--format=custom", "--no-password", f"--file={file}"]

    def environment(self) -> dict[str, str]:
        return self.url.environment()

    def restore(self, file: Path, user: str) -> str:
        wanted = ("host", "port", "dbname", "user", "sslmode", "sslrootcert")
        found = {name: self.url.parameters[name] for name in wanted if self.url.parameters.get(name)}
        place = " ".join(f"{name}={value}" for name, value in found.items())
        command = f"pg_restore --clean --if-exists --no-owner --single-transaction --dbname={shlex.quote(place)}"
        if self.url.password:
            return f"{command} {file} (it asks for the password)"
        return f"runuser -u {user} -- {command} < {file}"


class Postgresql(base.Dialect):
    name, title, script = "postgresql", "PostgreSQL", SCRIPT
    is_judged, linter = True, "squawk"

    def secret(self, url: str) -> Callable[[str], str]:
        found = parsed(url)
        return lambda text: redact(text, found.password if found else "")

    def session(self, environment: Mapping[str, str], run: str, timeouts: Mapping[str, int]) -> dict[str, str]:
        found = {"PGAPPNAME": run}
        if options := options_of(timeouts):
            found["PGOPTIONS"] = f"{environment.get('PGOPTIONS', '')} {options}".strip()
        return found

    def limited(self, url: str, timeouts: Mapping[str, int]) -> str:
        given = parsed(url)
        return add_options(url, options_of(timeouts)) if given and given.parameters.get("options") else url

    def dump(self, url: str) -> Dump | None:
        found = parsed(url)
        return Dump(found) if found else None

    def judge(self, sql: Path, server: Mapping[str, int], linter: Path, run: Run) -> str:
        version = server.get("version", 0)
        told = ["--pg-version", f"{version // 10000}.{version % 10000}"] if version else []
        done = run([str(linter), "--reporter", "json", *told, str(sql)])
        if not done.stdout.lstrip().startswith("["):
            raise ValueError(f"squawk said: {systemd.tail(done.stdout + done.stderr, 3)}")
        return str(done.stdout)


def options_of(timeouts: Mapping[str, int]) -> str:
    """Return the server's command line for timeouts in seconds."""
    return " ".join(f"-c {name}_timeout={value}s" for name, value in timeouts.items() if value)


def parsed(url: str) -> DatabaseUrl | None:
    """Return what a URL of PostgreSQL says, None when it can't be read."""
    try:
        found = parse_url(url)
    except UrlError:
        return None
    return found if found.is_postgres else None


def client_version() -> int:
    """Return the major version of pg_dump, 0 when there is none."""
    if not shutil.which("pg_dump"):
        return 0
    told = subprocess.run(["pg_dump", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"(\d+)\.?\d*", told)
    return int(found[1]) if found else 0
