# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A webhook on this machine, and what it was sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest


class Sink(BaseHTTPRequestHandler):
    """Keeps what is posted (path, type, content); /gone answers 404."""

    got: list[tuple[str, str | None, bytes]] = []

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((self.path, self.headers["Content-Type"], content))
        self.send_response(404 if self.path == "/gone" else 204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def sink() -> Iterator[str]:
    """The address of a webhook."""
    Sink.got = []
    server = HTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
