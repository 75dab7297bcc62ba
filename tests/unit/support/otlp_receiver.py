# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A receiver of OpenTelemetry's traces over HTTP, as far as tests need one: it keeps what it is sent, and reads texts in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class OtlpReceiver:
    """Listens at ADDRESS (`with OtlpReceiver() as receiver`); `end` makes it go away as a crash does."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.calls: list[tuple[str, dict[str, str], bytes]] = []
        calls = self.calls

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                calls.append((self.path, dict(self.headers), body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer((address, 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def texts(self) -> set[str]:
        """Return all texts that it was sent: names of spans, keys and values of attributes."""
        return {text for _, _, body in list(self.calls) for text in texts(body)}

    def spans(self) -> list[Span]:
        """Return all spans that it was sent."""
        return [span for _, _, body in list(self.calls) for span in spans(body)]


@dataclass(frozen=True)
class Span:
    """What a receiver was told of a step: its name, the trace that it is in, its own id and that of what it is part of."""

    name: str
    trace: str
    id: str
    parent: str


def spans(message: bytes) -> Iterator[Span]:
    """Yield the spans of an ExportTraceServiceRequest (opentelemetry-proto, trace/v1/trace.proto)."""
    for resource in of(message, 1):
        for scope in of(resource, 2):
            for one in of(scope, 2):
                trace, own, parent, name = (b"".join(of(one, number)) for number in (1, 2, 4, 5))
                yield Span(name.decode(), trace.hex(), own.hex(), parent.hex())


def of(message: bytes, number: int) -> list[bytes]:
    """Return the fields of that NUMBER of a MESSAGE."""
    return [value for found, value in fields(message) or () if found == number]


def texts(message: bytes) -> Iterator[str]:
    """Yield the texts in a MESSAGE of Protocol Buffers, whatever its type: what holds fields is a message, else a text."""
    for part in parts(message) or ():
        inner = parts(part)
        if inner is not None and part:
            yield from texts(part)
        if part.isascii() and part.decode().isprintable():
            yield part.decode()


def parts(message: bytes) -> list[bytes] | None:
    """Return the fields of a MESSAGE that have a length, None when it is none."""
    found = fields(message)
    return None if found is None else [value for _, value in found]


def fields(message: bytes) -> list[tuple[int, bytes]] | None:
    """Return the fields of a MESSAGE that have a length with their numbers, None when it is none (protobuf.dev, Encoding)."""
    found, at = list[tuple[int, bytes]](), 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    try:
        while at < len(message):
            key = varint()
            if key >> 3 == 0:
                return None
            if key & 7 == 0:
                varint()
            elif key & 7 == 1:
                at += 8
            elif key & 7 == 5:
                at += 4
            elif key & 7 == 2:
                length = varint()
                found.append((key >> 3, message[at : at + length]))
                at += length
            else:
                return None
    except IndexError:
        return None
    return found if at == len(message) else None
