# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Connection checks: trying one from the host as the app's user.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host.attempt import Attempt
from ansible_collections.slipway.flask.plugins.module_utils._mysql.names import as_user
from ansible_collections.slipway.flask.plugins.module_utils._mysql.reason import explain
from ansible_collections.slipway.flask.plugins.module_utils._mysql.url import PORT, MysqlUrl, command
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import redact

QUERY_SECONDS = 10
QUERY = """
SELECT 'version', VERSION();
SELECT 'max_connections', @@GLOBAL.max_connections;
SELECT 'account_connection_limit', @@SESSION.max_user_connections;
SELECT 'account', CURRENT_USER();
SELECT 'encoding', @@SESSION.character_set_database;
SELECT 'read_only', @@GLOBAL.read_only;
SHOW SESSION STATUS WHERE Variable_name IN ('Ssl_version', 'Threads_connected');
SHOW GRANTS;
"""
NUMBERS = ("max_connections", "account_connection_limit", "connections_used")
CREATES = re.compile(r"^GRANT .*\b(ALL PRIVILEGES|CREATE)(,| ON ).* TO ")


def attempt(client: str, url: MysqlUrl, user: str, timeout: int, ca: str = "") -> Attempt:
    """Connect as the system user USER ('' is who runs this), and ask the server about itself.

    :raises MysqlError: when USER doesn't exist.
    """
    if not (url.socket or not url.host):
        try:  # the client gives one number for a port that is closed and one that doesn't answer
            socket.create_connection((url.host, int(url.port or PORT)), timeout).close()
        except OSError as error:
            return _failure(url, str(error) or type(error).__name__)
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/nonexistent"}
    if url.password:
        environment["MYSQL_PWD"] = url.password
    patience = timeout * 2 + QUERY_SECONDS
    try:
        done = subprocess.run(
            command(client, url, timeout, ca), input=QUERY, text=True, errors="replace", capture_output=True, check=False,
            cwd="/", env=environment, timeout=patience, **(as_user(user) if user else {}),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return _failure(url, f"timed out: no answer within {patience} seconds")
    return _failure(url, done.stderr.strip()) if done.returncode else Attempt(read(done.stdout))


def read(said: str) -> dict[str, Any]:
    """Return what the server answered to QUERY."""
    rows = [line.split("\t", 1) for line in said.splitlines()]
    pairs = {row[0]: row[1] for row in rows if len(row) == 2}
    facts: dict[str, Any] = {
        "server_version": pairs.get("version", ""),
        "is_mariadb": "mariadb" in pairs.get("version", "").lower(),
        "max_connections": pairs.get("max_connections", "0"),
        "account_connection_limit": pairs.get("account_connection_limit", "0"),
        "connections_used": pairs.get("Threads_connected", "1"),
        "account": pairs.get("account", ""),
        "encoding": pairs.get("encoding", ""),
        "ssl": bool(pairs.get("Ssl_version")),
        "read_only": pairs.get("read_only", "0") not in {"0", "OFF"},
        "can_create_tables": any(CREATES.match(row[0]) for row in rows),
    }
    return {**facts, **{name: int(facts[name]) for name in NUMBERS}}


def _failure(url: MysqlUrl, said: str) -> Attempt:
    said = redact(said, url.password)
    kind, cause, fix = explain(said)
    own_words = re.sub(r"\s+", " ", "\n".join(row for row in said.splitlines() if not row.startswith("WARNING:")))[
        -600:
    ]
    where = redact(url.where, url.password)
    return Attempt({}, kind, f"{cause} ({where}). To fix: {fix}. It said: {own_words}")


def notes(url: MysqlUrl, facts: Mapping[str, Any], ca: str) -> list[str]:
    """Return what works now and will still surprise: unencrypted traffic, a replica, no right to make tables."""
    found = []
    if not url.is_local and not facts["ssl"]:
        found.append("the connection is not encrypted: give the server's CA (`database_ca`, or ssl_ca in the URL)")
    elif not url.is_local and not (url.parameters.get("ssl_ca") or ca):
        found.append("the server's identity is not checked: give its CA (`database_ca`, or ssl_ca in the URL)")
    if facts["encoding"] not in {"utf8mb4", ""}:
        found.append(
            f"the database's character set is {facts['encoding']}, not utf8mb4, which refuses or garbles some characters: "
            "ALTER DATABASE … CHARACTER SET utf8mb4"
        )
    if facts["read_only"]:
        found.append("the server is read-only (a replica): migrations and writes will fail")
    elif not facts["can_create_tables"]:
        found.append(
            f"the account {facts['account']} may not create tables, so migrations will fail: GRANT ALL PRIVILEGES on the "
            "database to it"
        )
    return found
