# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The way of one request: the lines that have its id, and those that are known to be its own without having it.

- nginx's error log knows no id, but the connection, which the access log has as well;
- PostgreSQL's log knows none, but the app's traceback has the server's message, word for word;
- a worker's lines have the id of the job that the request queued (the line that tells so has both).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Protocol

from ansible_collections.slipway.flask.plugins.module_utils._logs.entry import Entry, Wanted


class Readable(Protocol):
    """The logs of a host, as program.Logs are."""

    def between(self, since: float, until: float, raw: bytes = b"") -> Iterator[Entry]: ...


AROUND = 2.0
"""Seconds around a request in which lines without its id are looked at."""
JOB = re.compile(r"\bqueued (?:job|task)\b.{0,200}?\b(?:job_id|id)[=:]\s*['\"]?([A-Za-z0-9_-]{8,64})", re.IGNORECASE)
MOST_JOBS, MOST_LATER = 50, 10_000
VISITORS = ("nginx", "nginx-error", "gunicorn")
"""Sources whose lines are a visitor's words, addresses and names of browsers: what they claim leads to no other line."""
SHORTEST_MESSAGE = 12
PLACE = re.compile(r" at character \d+$")
"""What the server's log has behind a message, and the app is told in a field of its own."""


class Linked:
    """Gathers what is known of the request ID, and tells whether an entry is of it."""

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.begun, self.ended = float("inf"), 0.0
        self.connections: dict[int, tuple[float, float]] = {}
        self.jobs: set[str] = set()
        self.said: list[str] = []

    def note(self, entry: Entry) -> None:
        """Learn what ENTRY, which has the id, tells of the request."""
        seconds = entry.fields.get("seconds")
        begun = entry.time - (seconds if isinstance(seconds, (int, float)) else 0)
        self.begun, self.ended = min(self.begun, begun), max(self.ended, entry.time)
        if entry.source == "nginx" and isinstance(entry.fields.get("connection"), int):
            self.connections[entry.fields["connection"]] = (begun - 1, entry.time + 1)
        if entry.source in VISITORS:
            return
        for value in (entry.message, *entry.fields.values()):
            for job in JOB.findall(str(value)):
                if len(self.jobs) < MOST_JOBS:
                    self.jobs.add(job)
        for name in ("job_id", "task_id"):
            job = entry.fields.get(name)
            if isinstance(job, str) and len(job) >= 8 and len(self.jobs) < MOST_JOBS:
                self.jobs.add(job)
        if entry.level in ("error", "critical") and len(self.said) < 200:
            self.said.append(entry.message)

    def has_id(self, entry: Entry) -> bool:
        return entry.request_id.startswith(self.request_id)

    def is_of(self, entry: Entry) -> bool:
        """Tell whether ENTRY is the request's; what it tells is noted."""
        is_own = entry.source not in VISITORS
        if self.has_id(entry) or (is_own and not entry.request_id and self.request_id in entry.message):
            self.note(entry)
            return True
        if entry.request_id:
            return is_own and any(job in entry.message for job in self.jobs)
        if entry.source == "nginx-error":
            begun, ended = self.connections.get(entry.fields.get("connection", -1), (0.0, 0.0))
            return begun - 1 <= entry.time <= ended
        if entry.source == "postgresql":
            text = PLACE.sub("", entry.message.partition(": ")[2])
            return len(text) >= SHORTEST_MESSAGE and any(text in said for said in self.said)
        return self._has_job(entry)

    def _has_job(self, entry: Entry) -> bool:
        """Tell whether a job of the request is in an ENTRY that is no visitor's word."""
        fields = [str(value) for value in entry.fields.values()]
        return entry.source not in VISITORS and any(job in entry.message or job in fields for job in self.jobs)

    def read(self, logs: Readable, wanted: Wanted) -> Iterator[Entry]:
        """Yield the request's entries in order: its own lines are found first, then what is around them."""
        for entry in logs.between(wanted.since, wanted.until, self.request_id.encode()):
            self.is_of(entry)
        if not self.ended:
            return
        begun, ended = max(self.begun - AROUND, wanted.since), min(self.ended + AROUND, wanted.until)
        for entry in logs.between(begun, ended):  # what stands before the line that tells of it, as an error does
            if self.has_id(entry):
                self.note(entry)
        yield from (entry for entry in logs.between(begun, ended) if self.is_of(entry))
        # A job may be called by any word, such as one that is in each line of nginx.
        found = (entry for job in sorted(self.jobs) for entry in logs.between(ended, wanted.until, job.encode()))
        later = list(islice((entry for entry in found if self._has_job(entry)), MOST_LATER))
        shown = set()
        for entry in sorted(later, key=lambda one: one.time):
            if (entry.time, entry.message) not in shown and self.is_of(entry):
                shown.add((entry.time, entry.message))
                yield entry
