# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A forwarded SSH agent for a process of another user: its own socket is for whoever has logged in.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def relayed(agent: str, place: Path) -> Iterator[None]:
    """Pass on to the socket AGENT, and back, what is said to the socket PLACE, which is made in a folder that is ours."""

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError), socket.socket(socket.AF_UNIX) as other:
                other.connect(agent)
                ways = {self.request: other, other: self.request}
                while True:
                    for side in select.select([*ways], [], [])[0]:
                        if not (said := side.recv(65536)):
                            return
                        ways[side].sendall(said)

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True
        block_on_close = False

    with Server(str(place), Connection) as server:
        place.chmod(0o666)  # the folder above keeps others out
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
