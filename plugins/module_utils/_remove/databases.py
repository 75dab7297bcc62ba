# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The databases of an app that goes, on the host's own servers: nobody else's, and no restart or reload of a server.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import journal as restores
from ansible_collections.slipway.flask.plugins.module_utils._backup import mariadb_tables, swap
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file
from ansible_collections.slipway.flask.plugins.module_utils._mysql import names as mysql
from ansible_collections.slipway.flask.plugins.module_utils._mysql.places import SOCKET
from ansible_collections.slipway.flask.plugins.module_utils._postgres import names as postgres
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster, identifier, literal
from ansible_collections.slipway.flask.plugins.module_utils._postgres.places import SOCKET_FOLDER
from ansible_collections.slipway.flask.plugins.module_utils._remove.error import RemoveError

OWNED = "SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = {name} ORDER BY datname;\n"
ROLE = "SELECT count(*) FROM pg_roles WHERE rolname = {name} AND NOT rolsuper;\n"
DEPENDENT = """
SELECT DISTINCT datname FROM pg_shdepend JOIN pg_database AS d ON d.oid = dbid
  WHERE refclassid = 'pg_authid'::regclass AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = {name});
"""
"""Databases in which something is the role's, or a right of it is."""
HOLDS = """
SELECT DISTINCT datname FROM pg_shdepend JOIN pg_database AS d ON d.oid = dbid
  WHERE refclassid = 'pg_authid'::regclass AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = {name})
  AND deptype = 'o' AND classid IN ('pg_class'::regclass, 'pg_largeobject'::regclass) ORDER BY datname;
"""
"""Databases in which tables and the like belong to the role: `DROP OWNED` would remove them with their rows."""
ACCOUNTS = "SELECT COUNT(*) FROM mysql.global_priv WHERE User = {name} AND Host = 'localhost';"


@dataclass
class Databases:
    """What of an app is on the servers: its own database and those that restores and imports have put aside."""

    cluster: str = ""
    postgres: dict[str, int] = field(default_factory=dict)
    """Name -> bytes."""
    mariadb: dict[str, int] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    """Databases of the app's role that Slipway has not made."""
    strewn: list[str] = field(default_factory=list)
    """Databases of others in which tables of the app's role are."""
    unclaimed: list[str] = field(default_factory=list)
    """Ones that are called as the app, though its settings don't say that they are the app's."""

    urls: list[str] = field(default_factory=list)
    """How its own database is reached past a pooler; two where the app has moved from one server to the other."""


def claims(app: str, folders: Iterable[Path]) -> set[str]:
    """Return on which of the host's servers the database called APP is its own: `postgres`, `mariadb`.

    The app's environment files in FOLDERS say so: they have the URL, over the server's socket, that Slipway has written.
    """
    found = set()
    for value in values(folders):
        if re.match(rf"postgres(ql)?(\+\w+)?:///{re.escape(app)}\?host=(%2F|/)", value):
            found.add("postgres")
        if re.match(rf"(mysql|mariadb)(\+\w+)?://{re.escape(app)}@localhost/{re.escape(app)}\?unix_socket=", value):
            found.add("mariadb")
    return found


def values(folders: Iterable[Path]) -> Iterator[str]:
    """Yield the values of the app's environment files in FOLDERS, as far as they can be read."""
    for folder in folders:
        with suppress(OSError):
            yield from environment_file.environment_of((folder / environment_file.NAME).read_text()).values()


def look(app: str, claimed: set[str], wanted: str = "") -> Databases:
    """Return what the servers have of APP; WANTED is its cluster, "" the host's. Raises RemoveError for one that doesn't answer."""
    found, aside = Databases(), _aside(app)
    try:
        cluster = postgres.find_cluster(wanted)
        if cluster and cluster.online:
            _look_postgres(app, claimed, cluster, aside, found)
        elif "postgres" in claimed:
            raise RemoveError(
                f"the app's database is in PostgreSQL on this host, which is not running: {_start(cluster)}"
            )
        if mysql.find_client() and Path(SOCKET).exists():
            _look_mariadb(app, claimed, aside, found)
        elif "mariadb" in claimed:
            raise RemoveError(
                "the app's database is in MariaDB on this host, which is not running: systemctl start mariadb"
            )
    except (BackupError, postgres.PostgresError, mysql.MysqlError) as error:
        raise RemoveError(str(error)) from None
    return found


def cluster_of(wanted: str) -> Cluster | None:
    """Return the cluster WANTED, "" for the host's; None for no server. Raises RemoveError."""
    try:
        return postgres.find_cluster(wanted)
    except postgres.PostgresError as error:
        raise RemoveError(str(error)) from None


def _start(cluster: Cluster | None) -> str:
    return f"systemctl start {cluster.unit}" if cluster else "there is no cluster"


def _aside(app: str) -> set[str]:
    """Return the databases that restores and imports of APP have made beside its own."""
    return {
        name for one in restores.all_of(app) for name in (one.new, one.kept) if name and (one.database or one.mariadb)
    }


def _look_postgres(app: str, claimed: set[str], cluster: Cluster, aside: set[str], found: Databases) -> None:
    owned = postgres.psql(cluster, OWNED.format(name=literal(app))).split()
    there = swap.databases(cluster)
    own = {app} & set(owned) if "postgres" in claimed else set()
    found.unclaimed += [f"the database '{app}' of PostgreSQL"] if app in there and not own else []
    mine = own | (aside & there)
    found.postgres = {name: swap.size(cluster, name) for name in sorted(mine)}
    found.others = [name for name in owned if name not in mine and name != app]
    if mine or "postgres" in claimed:
        found.cluster = f"{cluster.version}/{cluster.name}"
        holds = postgres.psql(cluster, HOLDS.format(name=literal(app))).split()
        found.strewn = [name for name in holds if name not in mine and name not in owned]
    if own:
        port = "" if cluster.port == 5432 else f"&port={cluster.port}"
        found.urls.append(f"postgresql:///{app}?host={SOCKET_FOLDER}{port}")


def _look_mariadb(app: str, claimed: set[str], aside: set[str], found: Databases) -> None:
    there = {row[0] for row in mysql.sql("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA;")}
    own = {app} & there if "mariadb" in claimed else set()
    found.unclaimed += [f"the database '{app}' of MariaDB"] if app in there and not own else []
    found.mariadb = {name: mariadb_tables.size(name) for name in sorted(own | (aside & there))}
    if own:
        found.urls.append(f"mysql://{app}@localhost/{app}?unix_socket={SOCKET}")


def remove(app: str, cluster: str, databases: Sequence[str], mariadb: Sequence[str]) -> list[str]:
    """Remove DATABASES and the role of APP from CLUSTER ("" is none), its databases and its account from MariaDB.

    Return what was done. Raises RemoveError.
    """
    done = []
    try:
        if cluster:
            done += _remove_postgres(app, swap.cluster_of(cluster), databases)
        if mariadb:
            done += _remove_mariadb(app, mariadb)
    except (BackupError, postgres.PostgresError, mysql.MysqlError) as error:
        raise RemoveError(str(error)) from None
    return done


def _remove_postgres(app: str, cluster: Cluster, databases: Sequence[str]) -> list[str]:
    there, done = swap.databases(cluster), []
    for name in databases:
        if name in there:
            swap.drop(cluster, name)
            done.append(f"database {name}")
    if not int(postgres.psql(cluster, ROLE.format(name=literal(app))).strip() or 0):
        return done
    if postgres.psql(cluster, OWNED.format(name=literal(app))).split():
        return done  # of somebody's own; it was told
    dependent = postgres.psql(cluster, DEPENDENT.format(name=literal(app))).splitlines()
    for database in ["postgres", *dependent]:  # the first for rights on what is nobody's, such as a database
        postgres.psql(
            cluster, f"DROP OWNED BY {identifier(app)};\n", database
        )  # without CASCADE: nothing of anybody else's
    postgres.psql(cluster, f"DROP ROLE {identifier(app)};\n")
    return [*done, f"role {app}"]


def _remove_mariadb(app: str, databases: Sequence[str]) -> list[str]:
    done = []
    for name in databases:
        mariadb_tables.drop(name)
        done.append(f"database {name} of MariaDB")
    if int(mysql.sql(ACCOUNTS.format(name=mysql.literal(app)))[0][0]):
        mysql.sql(f"DROP USER {mysql.account(app)};")
        done.append(f"account {app} of MariaDB")
    return done
