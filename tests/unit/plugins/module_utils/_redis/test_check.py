# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Connections to Redis, tried against servers that answer, refuse, or are something else."""

from __future__ import annotations

import os
import pwd
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._redis import check
from ansible_collections.slipway.flask.plugins.module_utils._redis.reason import explain
from ansible_collections.slipway.flask.plugins.module_utils._redis.url import parse_url

INFO = "redis_version:7.0.15\r\nrole:master\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n"
Answers = Callable[[list[str]], str]


def well(words: list[str]) -> str:
    """Answer as a server does that lets in whoever comes."""
    return f"${len(INFO)}\r\n{INFO}\r\n" if words[0] == "INFO" else "+OK\r\n"


def saying(error: str, to: str = "PING") -> Answers:
    return lambda words: f"-{error}\r\n" if words[0] == to else well(words)


@contextmanager
def server(answers: Answers | str, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Run a server on a free port that ANSWERS each command, or says one thing and closes; yield the port."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                one, _ = listening.accept()
            except OSError:
                return
            with one:
                try:
                    talk(context.wrap_socket(one, server_side=True) if context else one, answers)
                except OSError:
                    continue

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def talk(one: socket.socket, answers: Answers | str) -> None:
    file = one.makefile("rb")
    if isinstance(answers, str):
        file.readline()
        one.sendall(answers.encode())
        one.close()
        return
    while line := file.readline():
        words = [file.readline() and file.readline().decode().strip() for _ in range(int(line[1:]))]
        one.sendall(answers(words).encode())


def tried(text: str, ca: str = "") -> tuple[str, str]:
    found = check.attempt(parse_url(text), "", 2, ca)
    return found.kind, found.message


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        (well, ""),
        (saying("NOAUTH Authentication required."), "password_missing"),
        (saying("WRONGPASS invalid username-password pair or user is disabled.", "AUTH"), "password_wrong"),
        (saying("ERR invalid password", "AUTH"), "password_wrong"),
        (saying("ERR AUTH <password> called without any password configured for the default user.", "AUTH"), "password_unwanted"),
        (saying("ERR DB index is out of range", "SELECT"), "database_missing"),
        (saying("NOPERM User x has no permissions to run the 'ping' command"), "not_allowed"),
        (saying("NOPERM User x has no permissions to run the 'info' command", "INFO"), ""),
        (saying("DENIED Redis is running in protected mode because protected mode is enabled"), "protected"),
        (saying("ERR max number of clients reached"), "too_many_connections"),
        (saying("LOADING Redis is loading the dataset in memory"), "starting"),
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "not_redis"),
        ("", "closed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_a_server_says_has_a_name(answers: Answers | str, kind: str) -> None:
    with server(answers) as port:
        found, said = tried(f"redis://:s3cret@127.0.0.1:{port}/7")
    assert found == kind, said
    assert "s3cret" not in said
    assert bool(said) is bool(kind)
    assert f"(host 127.0.0.1, port {port}, database 7)" in said or not kind


def test_nobody_listens() -> None:
    with server(well) as port:
        pass
    assert tried(f"redis://127.0.0.1:{port}")[0] == "port_refused"


def test_a_server_that_does_not_answer_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = check.attempt(parse_url(f"redis://127.0.0.1:{silent.getsockname()[1]}"), "", 0.2)
    assert found.kind == "timeout"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "name_unresolved"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), "name_unresolved"),
        (OSError(113, "No route to host"), "unreachable"),
        (OSError(101, "Network is unreachable"), "unreachable"),
        (ConnectionResetError(104, "Connection reset by peer"), "closed"),
        (TimeoutError("timed out"), "timeout"),
    ],
)
def test_what_the_network_says_has_a_name(error: OSError, kind: str) -> None:
    assert explain(error, parse_url("redis://redis.example.org")).kind == kind


def test_sockets(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    assert tried(f"unix://{path}")[0] == "socket_missing"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert tried(f"unix://{path}")[0] == "socket_dead"
    assert explain(PermissionError(13, "Permission denied"), parse_url(f"unix://{path}")).kind == "socket_refused"


def certified(folder: Path, name: str, alternative: str, usage: str) -> None:
    """Make the certificate NAME for ALTERNATIVE, and its authority, which may have a key USAGE."""
    request = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    authority = ["-subj", f"/CN={name} authority", "-keyout", f"{name}-ca.key", "-out", f"{name}-ca.crt"]
    authority += ["-addext", f"keyUsage={usage}"] if usage else []
    signed = ["-CA", f"{name}-ca.crt", "-CAkey", f"{name}-ca.key", "-subj", f"/CN={name}", "-addext",
              f"subjectAltName={alternative}", "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", f"{name}.key",
              "-out", f"{name}.crt"]  # fmt: skip
    for words in (authority, signed):
        subprocess.run([*request, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for 127.0.0.1, one as RFC 5280 wants it, and one for another name."""
    folder = tmp_path_factory.mktemp("tls")
    certified(folder, "right", "IP:127.0.0.1", "")
    certified(folder, "strict", "IP:127.0.0.1", "critical,keyCertSign,cRLSign")
    certified(folder, "other", "DNS:redis.example.org", "critical,keyCertSign,cRLSign")
    return folder


@pytest.mark.parametrize(
    ("name", "trusted", "options", "kind"),
    [
        ("right", "right", "", ""),
        ("right", "", "", "certificate_untrusted"),
        ("right", "other", "", "certificate_untrusted"),
        ("other", "other", "", "certificate_name"),
        ("other", "", "?ssl_cert_reqs=none", ""),
    ],
)
def test_a_servers_certificate_is_checked(certificates: Path, name: str, trusted: str, options: str, kind: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / f"{name}.crt", certificates / f"{name}.key")
    ca = str(certificates / f"{trusted}-ca.crt") if trusted else ""
    with server(well, context) as port:
        assert tried(f"rediss://127.0.0.1:{port}{options}", ca)[0] == kind


@pytest.mark.parametrize(("name", "noted"), [("right", True), ("strict", False)])
def test_a_certificate_that_only_newer_pythons_refuse_is_noted(certificates: Path, name: str, noted: bool) -> None:
    """The host's Python and the app's need not be the same."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / f"{name}.crt", certificates / f"{name}.key")
    with server(well, context) as port:
        url = parse_url(f"rediss://:p@127.0.0.1:{port}")
        found = check.attempt(url, "", 2, str(certificates / f"{name}-ca.crt"))
    assert found.kind == ""
    said = "; ".join(check.notes(url, found.facts, "queue"))
    assert ("Python 3.13 and newer refuse the server's certificate" in said) is noted


def test_tls_where_there_is_none() -> None:
    with server("-ERR unknown command\r\n") as port:
        assert tried(f"rediss://127.0.0.1:{port}")[0] == "tls_unsupported"


def test_a_server_that_says_nothing_to_tls_does_not_speak_it() -> None:
    """A real Redis without TLS waits for the end of a line."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = check.attempt(parse_url(f"rediss://127.0.0.1:{silent.getsockname()[1]}"), "", 0.2)
    assert found.kind == "tls_unsupported"


@pytest.mark.skipif(os.getuid() != 0, reason="becoming somebody else takes root")
def test_a_connection_is_tried_as_the_apps_user(tmp_path: Path) -> None:
    seen = check.as_user("nobody", lambda: check.Attempt({"uid": str(os.getuid()), "groups": str(os.getgroups())}))
    account = pwd.getpwnam("nobody")
    assert seen.facts == {"uid": str(account.pw_uid), "groups": str([account.pw_gid])}


@pytest.mark.parametrize(
    ("url", "facts", "purpose", "words"),
    [
        ("redis://:p@h", {}, "queue", "not encrypted"),
        ("rediss://h", {}, "queue", "requires no password"),
        ("rediss://:p@h?ssl_cert_reqs=none", {}, "queue", "identity is not checked"),
        ("unix:///s", {"maxmemory_policy": "allkeys-lru", "maxmemory": "9"}, "queue", "evicts entries"),
        ("unix:///s", {"maxmemory_policy": "allkeys-lru", "maxmemory": "9"}, "cache", ""),
        ("unix:///s", {"role": "slave"}, "cache", "read-only replica"),
        ("unix:///s", {"aof_last_write_status": "err"}, "queue", "check its disk"),
        ("rediss://:p@h", {"role": "master"}, "queue", ""),
    ],
)
def test_what_will_surprise_is_noted(url: str, facts: dict[str, str], purpose: str, words: str) -> None:
    said = "; ".join(check.notes(parse_url(url), facts, purpose))
    assert words in said
    assert bool(said) is bool(words)
