# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A server on a socket that speaks Redis's protocol and has as much of Redis as looking needs."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

Data = Mapping[str, Any]
"""Key -> a list, a set, a mapping (a hash), or a list of pairs (a sorted set)."""


def bulk(text: str) -> bytes:
    raw = text.encode()
    return b"$%d\r\n%s\r\n" % (len(raw), raw)


def array(words: list[str]) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(map(bulk, words))


def kind(value: Any) -> str:
    if isinstance(value, dict):
        return "hash"
    if isinstance(value, set):
        return "set"
    return "zset" if value and isinstance(value[0], tuple) else "list"


def answer(data: Data, words: list[str]) -> bytes:
    """Return what Redis with DATA answers to a command."""
    command, key, rest = words[0].upper(), words[1] if len(words) > 1 else "", words[2:]
    value = data.get(key)
    if command == "INFO":
        return bulk(str(data["INFO"]))
    if command == "EXISTS":
        return b":%d\r\n" % (value is not None)
    if command == "SCAN":
        pattern = rest[1].replace("[", "[[]")
        return b"*2\r\n" + bulk("0") + array([name for name in data if fnmatchcase(name, pattern)])
    if command == "TYPE":
        return b"+%s\r\n" % kind(value).encode()
    if command in ("LLEN", "ZCARD"):
        wrong = value is not None and kind(value) != {"LLEN": "list", "ZCARD": "zset"}[command]
        return b"-WRONGTYPE Operation against a key\r\n" if wrong else b":%d\r\n" % len(value or ())
    if command == "LINDEX":
        return bulk(value[int(rest[0])]) if value else b"$-1\r\n"
    if command == "HGET":
        return bulk(value[rest[0]]) if value and rest[0] in value else b"$-1\r\n"
    if command == "SRANDMEMBER":
        return array(sorted(value or ())[: int(rest[0])])
    if command == "ZRANGE":
        return array([str(part) for pair in sorted(value, key=lambda one: one[1])[:1] for part in pair])
    return b"-ERR unknown command\r\n"


@contextmanager
def serving(path: Path, data: Data) -> Iterator[str]:
    """Serve DATA at the socket PATH, and yield it."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline():
                words = []
                for _ in range(int(line[1:])):
                    size = int(self.rfile.readline()[1:])
                    words.append(self.rfile.read(size + 2)[:size].decode())
                self.wfile.write(answer(data, words))

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

    with Server(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield str(path)
        finally:
            server.shutdown()
            thread.join()
