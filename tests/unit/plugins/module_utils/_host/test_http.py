# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Requests over sockets and to a site of this host, and the connections of a socket."""

from __future__ import annotations

import datetime
import http.client
import socket
import ssl
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
