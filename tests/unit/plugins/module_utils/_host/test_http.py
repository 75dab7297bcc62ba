# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Requests over sockets and to a site of this host, and the connections of a socket."""

from __future__ import annotations

import datetime
import http.client
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import http as host_http
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fake_tools import Tools

SS = """\
u_str LISTEN 0      4096   /run/systemd/private 12345 * 0
u_str LISTEN 3      2048   /run/shop/0001-a/gunicorn.sock.old 23457 * 0
u_str LISTEN 17     2048   /run/shop/0001-a/gunicorn.sock 23456 * 0
u_dgr UNCONN 0
"""


@pytest.mark.parametrize(
    ("path", "waiting"),
    [("/run/shop/0001-a/gunicorn.sock", 17), ("/run/systemd/private", 0), ("/run/shop/0002-b/gunicorn.sock", 0)],
)
def test_the_backlog_is_what_waits_on_that_very_socket(tool: Tools, path: str, waiting: int) -> None:
    tool("ss", f"cat <<'END'\n{SS}END")
    assert host_http.backlog(Path(path)) == waiting


def test_a_socket_that_somebody_else_gives_an_odd_name_spoils_no_count(tool: Tools) -> None:
    tool(
        "ss",
        "printf 'u_str LISTEN 0 9 @\\377\\376 1 * 0\\nu_str LISTEN x 9 /run/a 1 * 0\\nu_str LISTEN 3 9 /run/a 2 * 0\\n'",
    )
    assert host_http.backlog(Path("/run/a")) == 3
    with socket.socket(socket.AF_UNIX) as odd:
        odd.bind(f"\0{os.getpid()} ".encode() + b"\xff\xfe")
        assert host_http.connected(Path("/run/a")) == 0


def test_connections_are_counted_whether_taken_in_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = Path(f"connected-{os.getpid()}")  # relative, for a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(name))
        listening.listen()
        assert host_http.connected(name) == 0
        with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
            first.connect(str(name))
            taken, _ = listening.accept()
            second.connect(str(name))
            with taken:
                assert host_http.connected(name) == 2
                assert host_http.connected(Path("another")) == 0


def test_the_backlog_of_a_real_socket_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        subprocess.run(["ss", "-V"], capture_output=True, check=True)
    except OSError:
        pytest.skip("ss is not installed here")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        server.listen(8)
        clients = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for client in clients:
            client.connect("s")
        assert host_http.backlog(Path("s")) == 3
        accepted = server.accept()[0]
        assert host_http.backlog(Path("s")) == 2
        for end in (accepted, *clients):
            end.close()


class Answer(BaseHTTPRequestHandler):
    """Tells what it was asked for."""

    def do_GET(self) -> None:
        body = f"{self.path} {self.headers['Host']} {self.headers['User-Agent']} é {'x' * 5000}".encode()
        self.send_response(418)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def served(listener: socket.socket, context: ssl.SSLContext | None = None) -> Iterator[None]:
    """Answer one connection to LISTENER in a thread."""

    def work() -> None:
        connection, _ = listener.accept()
        with context.wrap_socket(connection, server_side=True) if context else connection as wrapped:
            Answer(wrapped, ("", 0), None)

    Answer.log_message = lambda *_: None
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    thread.join(5)
    assert not thread.is_alive()


def test_a_release_is_asked_over_its_own_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")
        listener.listen(1)
        with served(listener):
            status, body = host_http.ask(
                host_http.SocketConnection("s", 5), "/healthz?a=1", {"Host": "shop.example.com"}
            )
    assert status == 418
    assert body.startswith("/healthz?a=1 shop.example.com slipway é ")
    assert len(body) < 2001, "the start will do"


def test_a_socket_that_nobody_listens_on_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        host_http.ask(host_http.SocketConnection(str(tmp_path / "none"), 1), "/", {})


def test_a_server_that_hangs_up_is_an_error_that_the_gate_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")
        listener.listen(1)
        thread = threading.Thread(target=lambda: listener.accept()[0].close())
        thread.start()
        with pytest.raises((OSError, http.client.HTTPException)):
            host_http.ask(host_http.SocketConnection("s", 5), "/", {})
        thread.join(5)


def test_the_site_is_asked_by_its_name_whoever_signed_its_certificate(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "another.example.org")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=2)).not_valid_after(now - datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem, private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(pem, private, serialization.NoEncryption())
    (tmp_path / "both.pem").write_bytes(secret + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    asked_for: list[str | None] = []
    context.sni_callback = lambda _, server_name, __: asked_for.append(server_name)
    with socket.create_server(("127.0.0.1", 0)) as listener, served(listener, context):
        connection = host_http.LocalTLSConnection("shop.example.com", "127.0.0.1", listener.getsockname()[1], 5)
        status, body = host_http.ask(connection, "/", {"Host": "shop.example.com"})
    assert (status, body[:19]) == (418, "/ shop.example.com ")
    assert asked_for == ["shop.example.com"]
