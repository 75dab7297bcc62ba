# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A few words of Redis's protocol (RESP 2), so that a host needs no client: connect, log in, ask.

Weighed: redis-cli would need a package also where Redis is elsewhere, and tells TLS errors by OpenSSL's words alone.
Source: redis.io, "Redis serialization protocol specification".

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Sequence
from typing import BinaryIO

from ansible_collections.slipway.flask.plugins.module_utils._redis.url import RedisUrl

LONGEST = 1 << 20
"""Bytes of a line that are read."""
MOST_BYTES = 16 << 20
"""Of all answers of a connection: INFO has a few thousand, a job or a queue's name as many as an app likes."""
DEEPEST = 4
"""Lists in a list that are read: a server has no more, unless somebody has made its answer up."""


class ServerError(Exception):
    """The server answered with an error; its text is the exception's."""


class NotRedis(Exception):
    """What answers does not speak the protocol."""


class NoHandshake(Exception):
    """The server took the connection and said nothing to TLS: a Redis without it waits for the end of a line."""


class Client:
    """One connection. Raises OSError (ssl.SSLError among them) where the network fails, EOFError where it is closed."""

    def __init__(self, url: RedisUrl, seconds: float, ca: str = "", strict: bool = False) -> None:
        self._deadline = time.monotonic() + seconds * 2
        self._left = MOST_BYTES
        if url.path:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(seconds)
            self._socket.connect(url.path)
        else:
            self._socket = socket.create_connection((url.host, url.port), seconds)
        if url.tls:
            try:
                self._socket = context(url, ca, strict).wrap_socket(self._socket, server_hostname=url.host)
            except TimeoutError:
                raise NoHandshake from None
        self._file: BinaryIO = self._socket.makefile("rb")

    def ask(self, *words: str) -> str:
        """Send a command and return its answer as text.

        :raises ServerError: when that is an error.
        :raises NotRedis: when there is no sense in it, or more than is read.
        """
        self._socket.sendall(encoded(words))
        return self._answer()

    def ask_list(self, *words: str) -> list[str]:
        """Send a command whose answer is a list, and return its entries as text; lists in it become part of it.

        :raises ServerError: when the answer is an error.
        :raises NotRedis: as `ask` does.
        """
        self._socket.sendall(encoded(words))
        return self._list(self._line())

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def _line(self) -> bytes:
        if time.monotonic() > self._deadline:
            raise TimeoutError
        line = self._file.readline(LONGEST)
        if not line:
            raise EOFError
        self._takes(len(line))
        return line

    def _takes(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise NotRedis(f"more than {MOST_BYTES >> 20} MiB of answers")

    def _list(self, line: bytes, depth: int = 0) -> list[str]:
        if line[:1] != b"*":
            return [self._answer(line)]
        if depth == DEEPEST:
            raise NotRedis("lists in lists in lists")
        count = int(line[1:20]) if line[1:].strip().lstrip(b"-").isdigit() else 0
        found: list[str] = []
        for _ in range(count):
            found += self._list(self._line(), depth + 1)
        return found

    def _answer(self, line: bytes = b"") -> str:
        line = line or self._line()
        kind, rest = line[:1], line[1:].rstrip(b"\r\n").decode(errors="replace")
        if kind == b"-":
            raise ServerError(rest)
        if kind in b"+:":
            return rest
        if kind != b"$" or not rest.lstrip("-").isdecimal():
            raise NotRedis(line[:60].decode(errors="replace").strip())
        length = int(rest[:20])
        if length < 0:
            return ""
        self._takes(length)
        return self._file.read(length + 2)[:length].decode(errors="replace")


def encoded(words: Sequence[str]) -> bytes:
    """Return a command as Redis takes it: an array of strings with their lengths."""
    parts = [f"*{len(words)}\r\n".encode()]
    for word in words:
        raw = word.encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(raw), raw))
    return b"".join(parts)


def context(url: RedisUrl, ca: str, strict: bool) -> ssl.SSLContext:
    """Return how the server's certificate is checked, as redis-py does it; CA is a file, "" for the system's.

    Whether that is STRICT (RFC 5280) depends on the Python: it is since 3.13, whose `ssl.create_default_context` says so.
    """
    found = ssl.create_default_context(cafile=url.ca or ca or None)
    if strict:
        found.verify_flags |= ssl.VERIFY_X509_STRICT
    else:
        found.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if url.verify != "required":
        found.check_hostname = False
        found.verify_mode = ssl.CERT_NONE if url.verify == "none" else ssl.CERT_OPTIONAL
    return found
