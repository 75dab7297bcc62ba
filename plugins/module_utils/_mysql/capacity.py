# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How many connections a MySQL or MariaDB takes, and who has some of them now.

The host's own is asked as root, who alone sees everybody's sessions; one elsewhere as the app, which sees its own and how many
there are in all. PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._mysql import names
from ansible_collections.slipway.flask.plugins.module_utils._mysql.places import SOCKET
from ansible_collections.slipway.flask.plugins.module_utils._mysql.url import PORT, MysqlUrl, command

QUERY = """
SELECT 'most', @@GLOBAL.max_connections;
SELECT 'limit', @@SESSION.max_user_connections;
SELECT 'connected', USER, COALESCE(DB, ''), COUNT(*) FROM information_schema.PROCESSLIST
  WHERE ID <> CONNECTION_ID() AND USER NOT IN ('system user', 'event_scheduler') GROUP BY 2, 3;
SHOW GLOBAL STATUS LIKE 'Threads_connected';
"""
LIMIT = "SELECT 'limit', max_user_connections FROM mysql.user WHERE User = {user} AND Host = 'localhost';\n"


def place(host: str, port: int | str | None) -> str:
    """Return one name for a server: its socket, or `host:port`, however a URL or a driver writes it."""
    if host.startswith("/"):
        return host.removeprefix("/var")
    return f"{host}:{port or PORT}" if host else SOCKET


def place_of(url: MysqlUrl) -> str:
    """Return the place of the server of URL."""
    return place(url.socket or url.host, url.port)


def ask(url: MysqlUrl, user: str, seconds: int) -> dict[str, Any]:
    """Return what the server of URL says, asked as the system user USER: what capacity.read takes. Raises MysqlError."""
    own = place_of(url) == SOCKET
    if own:
        rows = names.sql(QUERY + LIMIT.format(user=names.literal(url.user)), seconds=seconds)
    else:
        client = names.find_client()
        if not client:
            raise names.MysqlError("the host has no client of MariaDB")
        environment = {"MYSQL_PWD": url.password} if url.password else {}
        said = names.run(command(client, url, seconds), QUERY, user, seconds * 3, environment)
        rows = names.rows(said)
    return read(url, rows)


def read(url: MysqlUrl, rows: list[list[str]]) -> dict[str, Any]:
    """Return what the ROWS say that QUERY got of the server of URL. Raises KeyError for too few."""
    numbers = {row[0]: int(row[1]) for row in rows if len(row) == 2}
    connected = [(row[1], row[2], int(row[3])) for row in rows if row[0] == "connected" and len(row) == 4]
    # Sessions that an account may not see; the one that asks is seen by nobody.
    hidden = numbers["Threads_connected"] - 1 - sum(count for *_, count in connected)
    connected += [("", "", hidden)] if hidden > 0 else []
    limit = numbers.get("limit", 0)
    return {
        "most": numbers["most"], "kept": 0, "role": url.user, "database": url.database, "role_limit": limit or None,
        "connected": connected,
    }  # fmt: skip
