# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app's host as an edge sees it: `backend.py NAME PORT CERTIFICATE`. Appends each request to /var/log/backends."""

from __future__ import annotations

import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NAME, PORT, CERTIFICATE = sys.argv[1], int(sys.argv[2]), sys.argv[3]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status = 200
        if self.path == "/healthz":
            status = 500 if Path(f"/run/sick-{NAME}").exists() else 200
        else:
            with Path("/var/log/backends").open("a") as log:
                log.write(f"{NAME} {self.command} {self.path}\n")
        if self.path == "/breaks" and NAME == "one":
            self.connection.close()
            self.close_connection = True
            return
        if self.path == "/slow":
            time.sleep(2)
        if self.path == "/unavailable" and NAME == "one":
            status = 502
        if self.path == "/static/new.css" and NAME == "one":
            status = 404
        body = f"{NAME} {self.headers.get('X-Forwarded-For', '-')}".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = answer  # noqa: N815, their names are the library's

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        pass


context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(f"/etc/scenario/{CERTIFICATE}.crt", f"/etc/scenario/{CERTIFICATE}.key")
server = Server(("127.0.0.1", PORT), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
