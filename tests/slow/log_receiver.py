# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A receiver of syslog over TLS (RFC 5425), which can go away and come back at the same port."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "logs.example.org"


def certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for NAME, which signs itself, and its key into FOLDER, and return where they are."""
    own, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    builder = x509.CertificateBuilder(subject, subject, own.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(9))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
    signed = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(
        own, hashes.SHA256()
    )
    crt, key = folder / "crt", folder / "key"
    crt.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    key.write_bytes(own.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return crt, key


class LogReceiver:
    """Listens at ADDRESS for a `with` block; `messages` are all that it has got, as they came."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address, self.port, self.messages = address, 0, list[str]()
        crt, key = certificate(folder)
        self.authority = crt.read_text()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(crt, key)
        self.connections: set[socket.socket] = set()
        self.server: socketserver.ThreadingTCPServer | None = None

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def begin(self) -> None:
        """Listen, at the port of before if there was one."""
        receiver = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                receiver.take(self.request)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True

        self.server = Server((self.address, self.port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def end(self) -> None:
        """Go away as a receiver does that is shut down: it reads what has come, and ends its connections."""
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def take(self, plain: socket.socket) -> None:
        """Read messages, each behind its length, until the other side ends."""
        plain.settimeout(600)
        try:
            with self.tls.wrap_socket(plain, server_side=True) as secured:
                self.connections.add(secured)
                stream = secured.makefile("rb")
                while size := self._size(stream):
                    self.messages.append(stream.read(size).decode("utf-8", "replace"))
        except OSError:
            pass  # somebody asks whether it is there, and says nothing
        finally:
            self.connections = {one for one in self.connections if one.fileno() >= 0}

    @staticmethod
    def _size(stream: socket.SocketIO) -> int:
        digits = b""
        while (one := stream.read(1)) and one.isdigit():
            digits += one
        return int(digits or 0)

    def having(self, text: str) -> list[str]:
        """Return the messages that have TEXT in them."""
        return [message for message in list(self.messages) if text in message]
