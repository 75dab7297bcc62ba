# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a connection check asks, and what it says of a failure."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._mysql import check
from ansible_collections.slipway.flask.plugins.module_utils._mysql.reason import explain
from ansible_collections.slipway.flask.plugins.module_utils._mysql.url import command, parse_url

SOCKET = parse_url("mysql://shop@localhost/shop?unix_socket=/run/mysqld/mysqld.sock")
SAID = """version\t11.8.9-MariaDB-deb13
max_connections\t40
account_connection_limit\t0
account\tshop@localhost
encoding\tutf8mb4
read_only\t0
Ssl_version\t
Threads_connected\t3
GRANT USAGE ON *.* TO `shop`@`localhost` IDENTIFIED VIA unix_socket
GRANT ALL PRIVILEGES ON `shop`.* TO `shop`@`localhost`
"""


@pytest.mark.parametrize(
    ("url", "ca", "has"),
    [
        ("mysql://u:s3cret@db/d", "", ["--host=db", "--port=3306", "--skip-ssl"]),
        ("mysql://u:s3cret@db/d", "/ca", ["--ssl-ca=/ca", "--ssl-verify-server-cert"]),
        ("mysql://u:s3cret@db/d?ssl_ca=/own", "/ca", ["--ssl-ca=/own"]),
        ("mysql://u:s3cret@db/d?ssl_mode=REQUIRED", "", ["--ssl", "--skip-ssl-verify-server-cert"]),
        ("mysql://u@localhost/d?unix_socket=/x", "", ["--socket=/x", "--user=u"]),
    ],
)
def test_the_client_connects_as_the_driver_would_and_has_no_password_in_its_arguments(
    url: str, ca: str, has: list[str]
) -> None:
    found = command("mariadb", parse_url(url), 3, ca)
    assert set(has) <= set(found)
    assert found[-1] == "d"
    assert "s3cret" not in " ".join(found)
    assert "--local-infile=0" in found


def test_the_server_s_answers_are_read_and_no_password_s_hash_is_among_them() -> None:
    found = check.read(SAID)
    assert (found["max_connections"], found["connections_used"], found["is_mariadb"]) == (40, 3, True)
    assert (found["ssl"], found["read_only"], found["can_create_tables"]) == (False, False, True)
    assert check.notes(SOCKET, found, "") == []
    hashed = check.read("GRANT USAGE ON *.* TO `net`@`%` IDENTIFIED BY PASSWORD '*D821'\n")
    assert not hashed["can_create_tables"]
    assert "D821" not in str(hashed)


@pytest.mark.parametrize(
    ("url", "facts", "said"),
    [
        ("mysql://u:p@db/d", {}, "not encrypted"),
        ("mysql://u:p@db/d?ssl_mode=REQUIRED", {"ssl": True}, "identity is not checked"),
        ("mysql://u:p@localhost/d", {"encoding": "latin1"}, "character set is latin1"),
        ("mysql://u:p@localhost/d", {"read_only": True}, "read-only"),
        ("mysql://u:p@localhost/d", {"can_create_tables": False}, "may not create tables"),
    ],
)
def test_what_works_now_and_will_surprise_is_noted(url: str, facts: dict[str, Any], said: str) -> None:
    (note,) = check.notes(parse_url(url), {**check.read(SAID), **facts}, "")
    assert said in note


@pytest.mark.parametrize(
    ("said", "kind", "names"),
    [
        ("ERROR 1040 (08004): Too many connections", "too_many_connections", ""),
        ("ERROR 1045 (28000): Access denied for user 'net'@'10.0.0.9' (using password: YES)", "password_wrong", "net"),
        ("ERROR 1045 (28000): Access denied for user 'net'@'10.0.0.9' (using password: NO)", "password_missing", "net"),
        ("ERROR 1698 (28000): Access denied for user 'shop'@'localhost'", "peer_failed", "shop"),
        ("ERROR 1044 (42000): Access denied for user 'a'@'localhost' to database 'other'", "database_refused", "other"),
        ("ERROR 1049 (42000): Unknown database 'other'", "database_missing", "other"),
        ("ERROR 1130 (HY000): Host '10.0.0.9' is not allowed to connect", "not_allowed", "10.0.0.9"),
        ("ERROR 1226 (42000): User 'shop' has exceeded the 'max_user_connections'", "too_many_connections", "shop"),
        ("ERROR 3159 (08004): Connections using insecure transport are prohibited", "tls_required", ""),
        ("ERROR 2026 (HY000): TLS/SSL error: self-signed certificate", "certificate_untrusted", ""),
        ("ERROR 2026 (HY000): TLS/SSL error: unable to get local issuer certificate", "certificate_untrusted", ""),
        ("ERROR 2026 (HY000): TLS/SSL error: Validation of SSL server certificate failed", "certificate_name", ""),
        ("ERROR 2026 (HY000): TLS/SSL error: SSL is required, but the server does not support it", "tls_unsupported", ""),
        ("ERROR 2026 (HY000): TLS/SSL error: tlsv1 alert protocol version", "tls_failed", "protocol version"),
        ("ERROR 2059 (HY000): Authentication plugin 'caching_sha2_password' cannot be loaded", "plugin_missing", "caching"),
        ("ERROR 2002 (HY000): Can't connect to local server through socket '/x' (2)", "socket_missing", "/x"),
        ("ERROR 2002 (HY000): Can't connect to local server through socket '/x' (111)", "socket_refused", "/x"),
        ("[Errno -2] Name or service not known", "name_unresolved", ""),
        ("[Errno -3] Temporary failure in name resolution", "name_unresolved", "resolver"),
        ("[Errno 111] Connection refused", "port_refused", ""),
        ("[Errno 113] No route to host", "unreachable", ""),
        ("timed out", "timeout", ""),
        ("ERROR 2013 (HY000): Lost connection to server at 'handshake: reading initial communication packet'", "not_mysql", ""),
        ("what?", "unknown", ""),
    ],
)  # fmt: skip
def test_a_failure_names_its_cause(said: str, kind: str, names: str) -> None:
    found, cause, fix = explain(said)
    assert found == kind
    assert names in cause + fix
    assert "{" not in cause + fix


def test_a_refused_password_stands_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    environments = []

    def run(argv: list[str], **more: Any) -> subprocess.CompletedProcess[str]:
        environments.append(more["env"])
        said = "ERROR 1045 (28000): Access denied for user 'u'@'h' (using password: YES) s3cret"
        return subprocess.CompletedProcess(argv, 1, "", "WARNING: option --ssl\n" + said)

    monkeypatch.setattr(check.subprocess, "run", run)
    tried = check.attempt("mariadb", parse_url("mysql://u:s3cret@localhost/d?unix_socket=/x"), "", 3)
    assert tried.kind == "password_wrong"
    assert "s3cret" not in tried.message
    assert "WARNING" not in tried.message
    assert environments[0]["MYSQL_PWD"] == "s3cret"


def test_a_port_where_nobody_listens_is_told_apart_before_the_client_is_asked() -> None:
    tried = check.attempt("/nonexistent", parse_url("mysql://u:s3cret@127.0.0.1:1/d"), "", 3)
    assert tried.kind == "port_refused"
    assert "port 1" in tried.message
