#!/usr/bin/python3
"""Stands in for an app: answers every request with what it received. `upstream /path.sock` or `upstream PORT`."""

import http.server
import json
import os
import socketserver
import sys
import time

PLACE = sys.argv[1]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/slow":
            time.sleep(3)
        headers = [[name.lower(), value] for name, value in self.headers.items()]
        answer = {"upstream": PLACE, "path": self.path, "headers": headers, "length": len(body)}
        answer = json.dumps({**answer, "padding": "." * 2000}).encode()  # large enough to be compressed
        self.send_response(503 if self.path == "/own-503" else 200)
        if self.path == "/own-header":
            self.send_header("X-Frame-Options", "DENY")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET

    def address_string(self):
        return "nginx"


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


if PLACE.isdigit():
    http.server.ThreadingHTTPServer(("127.0.0.1", int(PLACE)), Handler).serve_forever()
else:
    # %I of the unit drops the first slash.
    PLACE = "/" + PLACE.lstrip("/")
    if os.path.exists(PLACE):
        os.unlink(PLACE)
    os.umask(0)
    UnixServer(PLACE, Handler).serve_forever()
