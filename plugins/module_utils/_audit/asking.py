# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Questions to a server that may be anybody's: they end in time, and what is answered is neither large nor obeyed by a terminal.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import http.client
import json
import queue
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

BYTES = 1 << 25
"""Most bytes of one answer: OSV's own limit."""
TOTAL = 1 << 27
"""Most bytes of all answers: they are in memory together."""
ANSWER, ALL = 3, 12
"""In how many times the seconds of a server one answer must be there to its end, and all of them."""
BLOCK = 1 << 16
READ, MOST = 2000, 500
"""Characters of a foreign text that are read, and of a message, which may be a server's words."""
Found = TypeVar("Found")


class AuditError(RuntimeError):
    """The service did not answer that can be relied on; the message says why, in one line."""

    def __init__(self, message: object) -> None:
        super().__init__(clean(message)[:MOST])


def clean(text: object) -> str:
    """Return foreign TEXT in one line, without what a terminal would obey."""
    return " ".join("".join(char if char.isprintable() else " " for char in str(text)[:READ]).split())


class Straight(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: it could lead to what only this host reaches, and OSV's protocol has none."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


class Asking:
    """All questions of one check to the server at URL; SECONDS is how long it may be silent, TRIES before it is given up."""

    def __init__(self, url: str, ca_bundle: str, seconds: float, tries: int) -> None:
        self.url, self.seconds, self.tries = url, seconds, tries
        self.end, self.left = time.monotonic() + ALL * seconds, TOTAL
        try:
            tls = ssl.create_default_context(cafile=ca_bundle or None)
        except OSError as error:
            raise AuditError(f"{ca_bundle} can't be read: {error.strerror or error}") from None
        # With the proxies of the environment.
        self.opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=tls), Straight())

    def post(self, path: str, asked: Mapping[str, Any]) -> Any:
        """Return the answer to a request; what may pass by itself is tried again once, a second later. Raises AuditError."""
        for rest in reversed(range(self.tries)):
            if time.monotonic() > self.end:
                raise AuditError(f"{self.url} took longer than {ALL * self.seconds:.0f} s to answer all questions")
            try:
                body = within(ANSWER * self.seconds, lambda: self._once(path, asked))
                self.left -= len(body)
                if self.left < 0:
                    raise AuditError(f"{self.url} answered more than {TOTAL >> 20} MB")
                return parsed(body)
            except urllib.error.HTTPError as error:
                if error.code < 500 and error.code != 429 or not rest:
                    raise AuditError(f"{self.url} answered {error.code} {error.reason}") from None
            except (OSError, http.client.HTTPException) as error:
                if not rest:
                    reason = getattr(error, "reason", None) or error
                    raise AuditError(f"{self.url} could not be reached: {reason or type(error).__name__}") from None
            except ValueError as error:
                raise AuditError(f"{self.url} did not answer in JSON: {error}") from None
            time.sleep(1)
        raise AuditError(f"{self.url} was not asked")

    def _once(self, path: str, asked: Mapping[str, Any]) -> bytes:
        headers = {"Content-Type": "application/json", "User-Agent": "slipway"}
        request = urllib.request.Request(
            self.url.rstrip("/") + path, json.dumps(asked).encode(), headers, method="POST"
        )
        body = bytearray()
        with self.opener.open(request, timeout=self.seconds) as answer:
            while part := answer.read(BLOCK):
                body += part
                if len(body) > BYTES:
                    raise ValueError(f"more than {BYTES >> 20} MB")
        return bytes(body)


def parsed(text: bytes | str) -> Any:
    """Return what foreign JSON says. Raises ValueError, also for one that is nested too deeply to be read."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def within(seconds: float, function: Callable[[], Found]) -> Found:
    """Return what FUNCTION returns. Raises TimeoutError after SECONDS: it may go on then, but holds up nobody's end."""
    answers = queue.SimpleQueue[tuple[list[Found], BaseException | None]]()

    def run() -> None:
        try:
            answers.put(([function()], None))
        except BaseException as error:  # it is raised again, where it is waited for
            answers.put(([], error))

    threading.Thread(target=run, daemon=True).start()
    try:
        found, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"it took longer than {seconds:.0f} s to answer") from None
    if error:
        raise error
    return found[0]
