# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How many connections a database's server takes, and who has some of them now: what a connection budget is held against.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._mysql import capacity as mysql
from ansible_collections.slipway.flask.plugins.module_utils._mysql import url as mysql_url
from ansible_collections.slipway.flask.plugins.module_utils._mysql.names import MysqlError
from ansible_collections.slipway.flask.plugins.module_utils._postgres import names, psql
from ansible_collections.slipway.flask.plugins.module_utils._postgres.places import SOCKET_FOLDER
from ansible_collections.slipway.flask.plugins.module_utils._postgres.url import parse_url
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import UrlError

CONNECT_SECONDS = 3
NO_LIMIT = -1
ERRORS = (names.PostgresError, MysqlError)
PORT = 5432

# Who is connected can be seen by everybody; of others' sessions only what they do is hidden (manual 27.2.3).
QUERY = """
SET LOCAL statement_timeout = '5s';
SELECT json_build_object(
  'most', current_setting('max_connections')::int,
  'kept', current_setting('superuser_reserved_connections')::int
    + coalesce(current_setting('reserved_connections', true), '0')::int,
  'role_limit', (SELECT CASE WHEN rolsuper THEN -1 ELSE rolconnlimit END FROM pg_roles WHERE rolname = current_user),
  'database_limit', (SELECT datconnlimit FROM pg_database WHERE datname = current_database()),
  'role', current_user::text,
  'database', current_database()::text,
  'connected', (SELECT coalesce(json_agg(json_build_array(usename, datname, n)), '[]') FROM (
    SELECT coalesce(usename::text, '') AS usename, datname::text, count(*) AS n FROM pg_stat_activity
    WHERE datname IS NOT NULL AND pid <> pg_backend_pid() GROUP BY 1, 2) AS sessions));
"""


@dataclass(frozen=True)
class Server:
    """A database server as one app sees it. KEPT are the connections of MOST that are for superusers alone.

    Limits are those of the app's role and database, NO_LIMIT for none; CONNECTED are sessions by (role, database).
    """

    place: str
    most: int
    kept: int = 0
    role: str = ""
    database: str = ""
    role_limit: int = NO_LIMIT
    database_limit: int = NO_LIMIT
    connected: Mapping[tuple[str, str], int] = field(default_factory=dict)
    kind: str = "postgresql"

    @property
    def own(self) -> tuple[str, str]:
        return self.role, self.database

    def connected_by(self, role: str = "", database: str = "") -> int:
        """Return the sessions of ROLE, or in DATABASE, that are not of both as the app's own are."""
        found = {pair: count for pair, count in self.connected.items() if pair != self.own}
        return sum(n for (who, where), n in found.items() if (role and who == role) or (database and where == database))

    @property
    def is_local(self) -> bool:
        """Whether it is reached over a socket of this host."""
        return self.place.startswith("/")

    @property
    def used(self) -> int:
        """The sessions of anybody, at that moment."""
        return sum(self.connected.values())


def place_of(host: str, port: int | str | None) -> str:
    """Return one name for a server: `host:port`, or `socket folder:port`, however a URL writes it."""
    hosts = [(name or SOCKET_FOLDER).removeprefix("/var") for name in host.split(",")]
    return f"{','.join(hosts)}:{port or PORT}"


def place_of_url(url: str) -> str:
    """Return the place of a URL's server, "" for a URL that is none of PostgreSQL's or MySQL's."""
    try:
        parsed, other = parse_url(url), mysql_url.parse_url(url)
    except UrlError:
        return ""
    if other.is_mysql:
        return mysql.place_of(other)
    if not parsed.is_postgres:
        return ""
    return place_of(parsed.parameters.get("host", ""), parsed.parameters.get("port"))


def place_of_pool(pool: Mapping[str, Any]) -> str:
    """Return the place of the server of a POOL of the app (`_migration/pools.py`), "" for one of another kind."""
    if pool["dialect"] in mysql_url.DIALECTS:
        return mysql.place(pool["host"], pool["port"])
    return place_of(pool["host"], pool["port"]) if pool["dialect"] == "postgresql" else ""


def ask(url: str, user: str) -> Server | None:
    """Return what the server of URL says, asked as the system user USER; None when it can't be asked."""
    try:
        other = mysql_url.parse_url(url)
        if other.is_mysql:
            return read(mysql.place_of(other), mysql.ask(other, user, CONNECT_SECONDS), "mysql")
        parsed, program = parse_url(url), names.find_psql()
        if not program or not parsed.is_postgres:
            return None
        done = psql.put(program, parsed, user, CONNECT_SECONDS, QUERY)
        return None if done.returncode else read(place_of_url(url), json.loads(done.stdout))
    except (UrlError, *ERRORS, OSError, ValueError, KeyError, subprocess.TimeoutExpired):
        return None


def read(place: str, facts: Mapping[str, Any], kind: str = "postgresql") -> Server:
    """Return what QUERY's answer says of the server at PLACE."""
    limits = {
        name: NO_LIMIT if facts.get(name) is None else int(facts[name]) for name in ("role_limit", "database_limit")
    }
    return Server(
        place, int(facts["most"]), int(facts["kept"]), str(facts["role"]), str(facts["database"]), **limits,
        connected={(str(role), str(database)): int(count) for role, database, count in facts["connected"]}, kind=kind,
    )  # fmt: skip
