# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Requests over a Unix socket and to a site of this host.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping


class SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class LocalTLSConnection(http.client.HTTPSConnection):
    """HTTPS to this host under the name of a site, whatever DNS says and whoever signed the certificate."""

    def __init__(self, domain: str, address: str, port: int, timeout: float) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        super().__init__(domain, port, timeout=timeout, context=context)
        self._address, self._tls = address, context

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def ask(connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
    """GET PATH and return the status and the start of the body. Raises OSError or http.client.HTTPException."""
    try:
        connection.request("GET", path, headers={"User-Agent": "slipway", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read(2000).decode("utf-8", "replace")
    finally:
        connection.close()
