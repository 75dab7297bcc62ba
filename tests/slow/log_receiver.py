# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A receiver of syslog over TLS (RFC 5425), which can go away and come back at the same port."""

from __future__ import annotations

import socketserver
import ssl
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Self

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
    """A process that listens at ADDRESS for a `with` block; `end` kills it, as a machine that is switched off."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address, self.port, self.file = address, 0, folder / "messages"
        self.certificate, self.key = certificate(folder)
        self.authority = self.certificate.read_text()
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.file.touch()
        self.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def begin(self) -> None:
        """Listen, at the port of before if there was one."""
        told = (self.address, str(self.port), str(self.certificate), str(self.key), str(self.file))
        self.process = subprocess.Popen([sys.executable, __file__, *told], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())

    def end(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def having(self, text: str) -> list[str]:
        """Return the messages that have TEXT in them, in the order in which they came."""
        return [line for line in self.file.read_text(errors="replace").splitlines() if text in line]


def main(address: str, port: str, crt: str, key: str, file: str) -> None:
    """Take messages, and write each of them down as a line."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(crt, key)
    out = open(file, "ab", buffering=0)  # noqa: SIM115  (until the process is killed)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            # Somebody may ask whether it is there, and say nothing.
            with suppress(OSError), tls.wrap_socket(self.request, server_side=True) as secured:
                stream = secured.makefile("rb")
                while size := number(stream):
                    out.write(stream.read(size).replace(b"\n", b" ") + b"\n")

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True

    with Server((address, int(port)), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


def number(stream: IO[bytes]) -> int:
    """Return how long the next message is, 0 at the end."""
    digits = b""
    while (one := stream.read(1)) and one.isdigit():
        digits += one
    return int(digits or 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
