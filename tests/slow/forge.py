# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What stands for the services that a pipeline talks to: the comments of a pull request, and OSV without vulnerabilities."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Forge(BaseHTTPRequestHandler):
    bodies: list[str]

    def do_GET(self) -> None:
        user = {"login": "github-actions[bot]", "type": "Bot"}
        found = [{"id": 1, "user": user, "body": body} for body in self.bodies] if "page=1" in self.path else []
        self._answer(403 if self.path.endswith("/user") else 200, found)

    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "queries" in told:
            self._answer(200, {"results": [{} for _ in told["queries"]]})
            return
        self.bodies[:] = [told["body"]]
        self._answer(200, {})

    do_PATCH = do_POST

    def _answer(self, status: int, told: object) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[tuple[str, list[str]]]:
    """Give its address, and the comments that it has."""

    class Own(Forge):
        bodies: list[str] = []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Own)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", Own.bodies
    finally:
        server.shutdown()
