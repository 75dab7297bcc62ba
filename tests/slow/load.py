# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Visitors of the sample app, all the time: what they send, and what became of it."""

from __future__ import annotations

import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

from faults import App
from helpers import Answer, Visitor, form

BROWSERS, WAITERS, PAUSE_SECONDS = 2, 2, 0.15
TOKEN = re.compile(r'name="csrf_token"[^>]* value="([^"]+)"')


def arrival(page: str, ship: str, fields: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the fields of the form on the board's PAGE, filled in for a SHIP; where FIELDS has them, only the token is read.

    It has come and gone: a board that grows with every visit costs more than all the rest of a test.
    """
    now = datetime.now(timezone.utc)
    token = TOKEN.search(page)
    assert token, f"the page has no form:\n{page[:3000]}"
    return {
        **(fields or form(page, "cargo")),
        "csrf_token": token[1],
        "name": ship,
        "flag": "NO",
        "origin": "Bergen",
        "cargo": "Timber",
        "arrived_at": (now - timedelta(days=9)).strftime("%Y-%m-%dT%H:%M"),
        "departs_at": (now - timedelta(days=8)).strftime("%Y-%m-%dT%H:%M"),
    }


class Seen:
    """What visitors met: how many requests were sent, what failed, and how many answers each release gave."""

    def __init__(self) -> None:
        self.sent, self.failures = 0, list[str]()
        self.releases = Counter[str]()

    def all_served(self) -> None:
        """Require that there were requests and that none of them failed."""
        assert self.failures == [], self.failures[:3]
        assert self.sent > 10


class Load:
    """Visitors that read the board, log arrivals and make requests of three seconds, from `start` until `stop`.

    PAGES limits them to reading those.
    """

    def __init__(self, app: App, pages: tuple[str, ...] = ()) -> None:
        self.app, self.pages, self.stopped = app, pages, threading.Event()
        self.seen, self.written = Seen(), list[str]()
        self.fields: dict[str, str] = {}
        self.threads: ThreadPoolExecutor | None = None

    def start(self) -> None:
        self.stopped.clear()
        self.threads = ThreadPoolExecutor(BROWSERS + WAITERS)
        for number in range(BROWSERS):
            self.threads.submit(self._visit, self._read if self.pages else self._browse, number)
        for number in range(0 if self.pages else WAITERS):
            self.threads.submit(self._visit, self._wait, number)

    def stop(self) -> None:
        """Let every visitor finish the request that is under way."""
        self.stopped.set()
        if self.threads:
            self.threads.shutdown()

    @contextmanager
    def window(self) -> Iterator[Seen]:
        """Return what visitors meet while the block runs."""
        self.seen = seen = Seen()
        yield seen
        self.seen = Seen()

    def _visit(self, visit: Callable[[Visitor, int, int], None], number: int) -> None:
        visitor, turn = self.app.visitor(), 0
        while not self.stopped.wait(PAUSE_SECONDS):
            turn += 1
            try:
                visit(visitor, number, turn)
            except Exception as error:
                self.seen.failures.append(f"{time.strftime('%X')} {type(error).__name__}: {error}")

    def _asked(self, wanted: int, what: str, ask: Callable[[], Answer]) -> Answer:
        self.seen.sent += 1
        answer = ask()
        release = answer.headers.get("X-Release", "")
        self.seen.releases[release] += 1
        assert answer.status == wanted, f"{what} answered {answer.status} in release {release or 'unknown'}"
        assert release, f"{what} was not answered by a release"
        return answer

    def _read(self, visitor: Visitor, number: int, turn: int) -> None:
        for page in self.pages:
            self._asked(200, f"GET {page}", lambda page=page: visitor.get(page))  # type: ignore[misc]

    def _wait(self, visitor: Visitor, number: int, turn: int) -> None:
        self._asked(200, "GET /slow", lambda: visitor.get("/slow"))

    def _browse(self, visitor: Visitor, number: int, turn: int) -> None:
        """Read the board and log the arrival of a ship with the form that it shows."""
        page = self._asked(200, "GET /", lambda: visitor.get("/"))
        ship = f"Ship {os.getpid()}-{number}-{turn}"
        # To read the whole form takes as long as all the rest of a visit does here.
        self.fields = self.fields or form(page.text, "cargo")
        filled = arrival(page.text, ship, self.fields)
        self._asked(303, "POST /arrivals", lambda: visitor.post("/arrivals", filled))
        self.written.append(ship)

    def answered_once(self) -> None:
        """Require that each arrival that was confirmed is in the database, once. To be called after `stop`."""
        ask = (
            "select s.name from port_calls c join ships s on s.id = c.ship_id "
            f"where s.name like 'Ship {os.getpid()}-%'"
        )  # fmt: skip
        rows = self.app.host.psql(ask, "harbour", "harbour").splitlines()
        assert sorted(rows) == sorted(self.written)
        assert rows
