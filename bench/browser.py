# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A headless Chromium that is told what to do over its DevTools, as far as a bench needs that.

Source: https://chromedevtools.github.io/devtools-protocol/ and RFC 6455 (WebSocket), of which it needs whole text messages only.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import secrets
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

START_SECONDS = 60
PROGRAM = "chromium"
ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars")


class Browser:
    """A new Chromium with an empty cache, for a `with` block. OPTIONS are more of its arguments."""

    def __init__(self, options: Sequence[str] = ()) -> None:
        self.options, self.number = options, 0

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="bench-chromium-"))
        arguments = [*ARGUMENTS, f"--user-data-dir={self.folder}", "--remote-debugging-port=0", *self.options]
        self.process = subprocess.Popen(
            [PROGRAM, *arguments, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            self._connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _connect(self) -> None:
        """Find the port that it has taken, and open a connection to its first page."""
        told, until = self.folder / "DevToolsActivePort", time.monotonic() + START_SECONDS
        while not (told.is_file() and told.read_text().count("\n")):
            if self.process.poll() is not None or time.monotonic() > until:
                sys.exit(f"bench: {PROGRAM} did not start")
            time.sleep(0.05)
        port = int(told.read_text().split("\n")[0])
        page = ""
        while not page:
            page = next((one["id"] for one in self._list(port) if one["type"] == "page"), "")
        self.socket = socket.create_connection(("127.0.0.1", port), START_SECONDS)
        self.stream = self.socket.makefile("rb")
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        head = f"GET /devtools/page/{page} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self.socket.sendall(f"{head}Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        while self.stream.readline() not in (b"\r\n", b""):
            pass

    @staticmethod
    def _list(port: int) -> list[dict[str, Any]]:
        asked = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
        asked.request("GET", "/json")
        found: list[dict[str, Any]] = json.loads(asked.getresponse().read())
        asked.close()
        return found

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a METHOD of DevTools and return its result."""
        self.number += 1
        self._send(json.dumps({"id": self.number, "method": method, "params": parameters}).encode())
        while (said := self._receive()).get("id") != self.number:
            pass
        if "error" in said:
            sys.exit(f"bench: {PROGRAM}, {method}: {said['error']}")
        result: dict[str, Any] = said["result"]
        return result

    def value(self, expression: str) -> Any:
        """Return what an EXPRESSION of JavaScript comes to in the page; a promise's is waited for."""
        said = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in said:
            sys.exit(f"bench: {expression}: {said['exceptionDetails']}")
        return said["result"].get("value")

    def _send(self, text: bytes) -> None:
        """Send TEXT in one frame, masked as a client's has to be."""
        size, mask = len(text), os.urandom(4)
        if size < 126:
            head = struct.pack(">BB", 0x81, 0x80 | size)
        elif size < 1 << 16:
            head = struct.pack(">BBH", 0x81, 0xFE, size)
        else:
            head = struct.pack(">BBQ", 0x81, 0xFF, size)
        self.socket.sendall(head + mask + bytes(one ^ mask[at % 4] for at, one in enumerate(text)))

    def _receive(self) -> dict[str, Any]:
        text, is_last = b"", False
        while not is_last:
            first, second = self.stream.read(2)
            size, is_last = second & 0x7F, bool(first & 0x80)
            if size == 126:
                (size,) = struct.unpack(">H", self.stream.read(2))
            elif size == 127:
                (size,) = struct.unpack(">Q", self.stream.read(8))
            text += self.stream.read(size)
        found: dict[str, Any] = json.loads(text)
        return found
