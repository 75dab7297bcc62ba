# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Requests over a Unix socket and to a site of this host, and how many connections a socket has.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
from collections.abc import Mapping
from pathlib import Path


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


def backlog(path: Path) -> int:
    """Return how many connections wait on a listening Unix socket for somebody to accept them."""
    # Whoever makes a socket chooses its name, of any bytes: in both lists it stands as it is.
    listed = subprocess.run(["ss", "-xlnH"], capture_output=True, text=True, errors="replace", check=False).stdout
    for row in listed.splitlines():
        columns = row.split()
        if len(columns) > 4 and columns[4] == str(path) and columns[2].isdecimal():
            return int(columns[2])
    return 0


def connected(path: Path) -> int:
    """Return how many connections to a Unix socket are open, taken in or still waiting (states 03 and 02 of proc(5))."""
    rows = [row.split() for row in Path("/proc/net/unix").read_text(errors="replace").splitlines()]
    return sum(row[5] in ("02", "03") and row[7:] == [str(path)] for row in rows if len(row) > 5)
