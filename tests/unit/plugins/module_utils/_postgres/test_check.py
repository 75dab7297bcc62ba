# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Connection checks: reasons of failures (from psql's real words), and no password anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._postgres import check, psql
from ansible_collections.slipway.flask.plugins.module_utils._postgres.reason import explain
from ansible_collections.slipway.flask.plugins.module_utils._postgres.url import parse_url

AT = 'connection to server at "db.internal" (10.0.0.7), port 5432 failed: '
SOCKET = 'connection to server on socket "/run/x/.s.PGSQL.5432" failed: '
HBA = 'FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "u", database "d", '
FACTS = {"ssl": True, "encoding": "UTF8", "read_only": False, "can_create_tables": True, "role": "u"}


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ('could not translate host name "x.y" to address: Name or service not known', "name_unresolved", "x.y"),
        ('could not translate host name "x.y" to address: Temporary failure in name resolution', "name_unresolved", "DNS"),
        (AT + "Connection refused\n\tIs the server running on that host", "port_refused", "port 5432"),
        (AT + "timeout expired", "timeout", "no answer"),
        (AT + "No route to host", "unreachable", "network path"),
        (SOCKET + "No such file or directory", "socket_missing", "/run/x/.s.PGSQL.5432"),
        (AT + "server does not support SSL, but SSL was required", "tls_unsupported", "does not offer TLS"),
        (AT + "SSL error: certificate verify failed", "certificate_untrusted", "not signed"),
        (AT + 'server certificate for "a" (and 1 other name) does not match host name "b"', "certificate_name", "not for b"),
        (AT + 'root certificate file "/a/root.crt" does not exist\nEither provide', "ca_missing", "/a/root.crt"),
        (AT + 'could not read root certificate file "/a": no certificate or crl found', "ca_unreadable", "/a"),
        (AT + "SSL error: wrong version number", "not_postgres", "not PostgreSQL"),
        (AT + "SSL error: tlsv1 alert protocol version", "tls_failed", "tlsv1 alert"),
        (AT + "received invalid response to SSL negotiation: H", "not_postgres", "not PostgreSQL"),
        (AT + HBA + "no encryption", "tls_required", "wants TLS"),
        (AT + HBA + "SSL encryption\n" + AT + HBA + "no encryption", "not_allowed", "pg_hba"),
        (SOCKET + 'FATAL:  no pg_hba.conf entry for host "[local]", user "u", database "d", no encryption', "not_allowed", ""),
        (AT + 'FATAL:  password authentication failed for user "u"\n' + AT + HBA + "no encryption", "password_wrong", "user u"),
        (AT + "FATAL:  SASL authentication failed", "password_wrong", "in question"),
        (AT + "fe_sendauth: no password supplied", "password_missing", "URL has none"),
        (SOCKET + 'FATAL:  Peer authentication failed for user "u"', "peer_failed", "system user u"),
        (SOCKET + 'FATAL:  role "u" does not exist', "role_missing", "role u"),
        (AT + 'FATAL:  role "u" is not permitted to log in', "role_refused", "role u"),
        (AT + 'FATAL:  database "d" does not exist', "database_missing", "database d"),
        (AT + "FATAL:  no such database: d", "database_missing", "database d"),
        (AT + 'FATAL:  permission denied for database "d"', "database_refused", "database d"),
        (AT + "FATAL:  sorry, too many clients already", "too_many_connections", "no free connection"),
        (AT + "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
         "too_many_connections", "no free"),
        (AT + 'FATAL:  too many connections for role "u"', "too_many_connections", "role u"),
        (AT + "FATAL:  the database system is starting up", "starting", "starting"),
        (AT + "server closed the connection unexpectedly", "closed", "closed the connection"),
        ('invalid sslmode value: "foo"', "option_invalid", "sslmode"),
        ("FATAL:  Passwort-Authentifizierung für Benutzer »u« fehlgeschlagen", "unknown", "failed"),
        # IPv6 first, then IPv4: what got furthest counts.
        (AT + "Connection refused\n" + AT + 'FATAL:  database "d" does not exist', "database_missing", "database d"),
    ],
)  # fmt: skip
def test_reason(said: str, kind: str, words: str) -> None:
    found, cause, fix = explain(said)
    assert found == kind
    assert words in cause
    assert fix
    assert "{" not in cause + fix


def fake_psql(folder: Path, script: str) -> str:
    """Make a program that acts as psql, and records its arguments and environment."""
    program = folder / "psql"
    program.write_text(
        f'#!/bin/sh\ncat >/dev/null\necho "$@" >{folder}/arguments\n/usr/bin/env >{folder}/environment\n{script}\n'
    )
    program.chmod(0o755)
    return str(program)


def test_password_is_in_no_argument_and_in_no_message(tmp_path: Path) -> None:
    program = fake_psql(tmp_path, 'echo "psql: error: $PGPASSWORD and s3%40cret: no password supplied" >&2; exit 2')
    found = check.attempt(program, parse_url("postgresql://u:s3%40cret@h/d"), "", 3, "/ca.crt")
    assert found.kind == "password_missing"
    assert "s3" not in found.message
    assert "*** and ***" in found.message
    assert "s3" not in (tmp_path / "arguments").read_text()
    environment = (tmp_path / "environment").read_text().splitlines()
    assert {"PGPASSWORD=s3@cret", "PGSSLROOTCERT=/ca.crt", "PGCONNECT_TIMEOUT=3", "LC_ALL=C"} <= set(environment)


def test_answers_and_nonsense(tmp_path: Path) -> None:
    url = parse_url("postgresql://h/d")
    assert check.attempt(fake_psql(tmp_path, "echo '{\"ssl\": true}'"), url, "", 3).facts == {"ssl": True}
    assert check.attempt(fake_psql(tmp_path, "echo hello"), url, "", 3).kind == "unknown"


def test_callers_environment_does_not_come_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "elsewhere")
    assert "PGHOST" not in psql.environment(parse_url("postgresql:///d"), 5)


@pytest.mark.parametrize(
    ("url", "facts", "words"),
    [
        ("postgresql://h/d?sslmode=verify-full", {}, ""),
        ("postgresql:///d", {"ssl": False}, ""),
        ("postgresql://h/d", {"ssl": False}, "not encrypted"),
        ("postgresql://h/d?sslmode=require", {}, "identity is not checked"),
        ("postgresql:///d", {"encoding": "SQL_ASCII"}, "SQL_ASCII"),
        ("postgresql:///d", {"read_only": True, "can_create_tables": False}, "read-only standby"),
        ("postgresql:///d", {"can_create_tables": False}, "may not create tables"),
        ("postgresql:///d?schema=x", {}, "no parameter schema"),
        ("postgresql+pg8000:///d?schema=x", {}, ""),
    ],
)
def test_notes(url: str, facts: dict[str, Any], words: str) -> None:
    found = check.notes(parse_url(url), {**FACTS, **facts}, "")
    assert len(found) == bool(words)
    assert words in "".join(found)
