# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Connection checks: trying one from the host as the app's user.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host.attempt import Attempt
from ansible_collections.slipway.flask.plugins.module_utils._postgres.psql import patience, put
from ansible_collections.slipway.flask.plugins.module_utils._postgres.reason import explain
from ansible_collections.slipway.flask.plugins.module_utils._postgres.url import LIBPQ_DRIVERS, DatabaseUrl
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import redact

QUERY = """
SET LOCAL statement_timeout = '5s';
SELECT json_build_object(
  'server_version', current_setting('server_version'),
  'server_version_num', current_setting('server_version_num')::int,
  'max_connections', current_setting('max_connections')::int,
  'superuser_reserved_connections', current_setting('superuser_reserved_connections')::int,
  'reserved_connections', coalesce(current_setting('reserved_connections', true), '0')::int,
  'connections_used', (SELECT coalesce(sum(numbackends), 0)::int FROM pg_stat_database),
  'role_connection_limit', (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user),
  'database_connection_limit', (SELECT datconnlimit FROM pg_database WHERE datname = current_database()),
  'ssl', coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false),
  'ssl_version', coalesce((SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()), ''),
  'encoding', (SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()),
  'role', current_user::text,
  'database', current_database()::text,
  'read_only', pg_is_in_recovery(),
  'can_create_tables', coalesce(has_schema_privilege(current_schema(), 'CREATE'), false));
"""


def attempt(psql: str, url: DatabaseUrl, user: str, timeout: int, ca: str = "", query: str = QUERY) -> Attempt:
    """Connect as the system user USER ('' is who runs this), and ask the server about itself, or QUERY, which answers JSON.

    :raises PostgresError: when USER doesn't exist.
    """
    try:
        done = put(psql, url, user, timeout, query, ca)
    except subprocess.TimeoutExpired:
        return _failure(url, f"timeout expired: no answer within {patience(url, timeout)} seconds")
    if done.returncode:
        return _failure(url, done.stderr.strip())
    try:
        facts = json.loads(done.stdout)
    except ValueError:
        return _failure(url, f"unexpected answer: {done.stdout.strip()[-300:]}")
    return Attempt(facts)


def _failure(url: DatabaseUrl, said: str) -> Attempt:
    said = redact(said, url.password)
    kind, cause, fix = explain(said)
    own_words = re.sub(r"\s+", " ", said.removeprefix("psql: error: "))[-600:]
    where = redact(url.where, url.password)
    return Attempt({}, kind, f"{cause} ({where}). To fix: {fix}. psql said: {own_words}")


def notes(url: DatabaseUrl, facts: Mapping[str, Any], ca: str) -> list[str]:
    """Return what works now and will still surprise: unencrypted traffic, a standby, no right to make tables."""
    found = []
    mode = url.parameters.get("sslmode", "prefer")
    if not url.is_local and not facts["ssl"]:
        found.append("the connection is not encrypted: use sslmode=verify-full with the server's CA")
    elif not url.is_local and mode not in {"verify-ca", "verify-full"}:
        found.append(f"the server's identity is not checked (sslmode={mode}): use sslmode=verify-full with its CA")
    if ca and "sslrootcert" not in url.parameters:
        found.append(f"the url names no CA; the app needs sslrootcert={ca} in it")
    if facts["encoding"] != "UTF8":
        found.append(f"the database's encoding is {facts['encoding']}, not UTF8")
    if facts["read_only"]:
        found.append("the server is a read-only standby: migrations and writes will fail")
    elif not facts["can_create_tables"]:
        found.append(
            f"the role {facts['role']} may not create tables, so migrations will fail: make it the database's owner "
            "or GRANT CREATE ON SCHEMA public to it"
        )
    driver = url.scheme.removeprefix(url.dialect)
    if url.unknown and driver in LIBPQ_DRIVERS:
        found.append(f"libpq has no parameter {', '.join(url.unknown)}: drivers built on it reject such a url")
    return found
