# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What runs on the host, as root, for playbooks/logs.yml: it prints one JSON object a line, in order, and ends by itself.

It is sent to the host and leaves nothing there. Each line of the logs is looked at once, nothing is kept but what is not
in order yet, so it takes the same memory for a minute and for a month.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import os
import select
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TextIO

from ansible_collections.slipway.flask.plugins.module_utils._logs import files, journal, mask, nginx, postgres
from ansible_collections.slipway.flask.plugins.module_utils._logs.entry import Entry, Wanted
from ansible_collections.slipway.flask.plugins.module_utils._logs.order import Waiting, merged
from ansible_collections.slipway.flask.plugins.module_utils._logs.request import Linked

READY = "slipway-logs ready"
"""The first line of the answer: what comes before it is the login's."""
HELD = 2.0
"""Seconds that entries are held back while the logs are followed: nginx writes within one."""
EVERY = 0.25
ALIVE = 5.0
"""An empty line at least so often: the program ends when nobody takes it."""
WATCHED_SECONDS = 2.0
"""How often it is looked at whether anybody still waits for an answer."""
FIRST_WINDOW = 30.0
"""Seconds before the end in which the last lines are looked for first; then four times as many, and so on."""

Source = Callable[[float, float], Iterator[Entry]]


class Logs:
    """The logs of one app on this host. ASKED is what the controller has sent."""

    def __init__(self, asked: Mapping[str, Any]) -> None:
        self.app = str(asked["app"])
        self.units = journal.Units(
            self.app, tuple(asked["processes"]), tuple((one[0], one[1]) for one in asked["services"])
        )
        self.masked = mask.masker(asked["mask"])
        self.site = Path(nginx.FOLDER)
        self.has_database = bool(asked["has_database"])

    def files(self) -> Iterator[tuple[Path, files.TimeOf, Callable[[bytes], Entry | None]]]:
        """Yield each file with what tells a line's time and what makes an entry of it."""
        yield self.site / f"{self.app}.access.log", nginx.access_time, lambda line: nginx.access(line, self.masked)
        yield self.site / f"{self.app}.error.log", nginx.error_time, lambda line: nginx.error(line, self.masked)
        if self.has_database:
            for path in postgres.logs():
                yield path, postgres.line_time, postgres.Reader(self.app).entry

    def between(self, since: float, until: float, raw: bytes = b"") -> Iterator[Entry]:
        """Yield the entries from SINCE to UNTIL in order; with RAW, only of lines that have these bytes in them."""
        sources = [self._journal(since, until, raw.decode())]
        for path, time_of, entry_of in self.files():
            sources.append(_entries(files.lines(path, since, until, time_of), entry_of, raw))
        return (entry for entry in merged(*sources) if since <= entry.time < until)

    @cached_property
    def _matches(self) -> list[str]:
        """What the past is looked for by, however often: which slices there were is asked once."""
        return self.units.matches(journal.slices())

    def _journal(self, since: float, until: float, raw: str) -> Iterator[Entry]:
        command = journal.argv(self._matches, since, until, raw.replace(".", r"\."))
        return _entries(journal.lines(command), journal.Reader(self.units).entry)


def _entries(lines: Iterator[bytes], entry_of: Callable[[bytes], Entry | None], raw: bytes = b"") -> Iterator[Entry]:
    for line in lines:
        if raw in line:
            entry = entry_of(line)
            if entry is not None:
                yield entry


def history(logs: Logs, wanted: Wanted, last: int) -> Iterator[Entry]:
    """Yield what is WANTED of the past; with LAST, no more than so many, the youngest."""
    if wanted.request_id:
        found: Iterator[Entry] = (one for one in Linked(wanted.request_id).read(logs, wanted) if wanted.takes(one))
        yield from (deque(found, maxlen=last) if last else found)
        return
    if not last:
        yield from (entry for entry in logs.between(wanted.since, wanted.until) if wanted.takes(entry))
        return
    window, kept = FIRST_WINDOW, deque[Entry](maxlen=last)
    while True:
        since = max(wanted.since, wanted.until - window)
        kept.clear()
        kept.extend(entry for entry in logs.between(since, wanted.until) if wanted.takes(entry))
        if len(kept) == last or since <= wanted.since:
            yield from kept
            return
        window *= 4


def follow(logs: Logs, wanted: Wanted, end: float, out: Output, ends: bool) -> None:
    """Print what comes in until END; with ENDS, also no longer than standard input is open."""
    waiting, linked = Waiting(), Linked(wanted.request_id) if wanted.request_id else None
    tails = [(files.Tail(path, wanted.since, time_of), entry_of) for path, time_of, entry_of in logs.files()]
    reader = journal.Reader(logs.units)
    command = journal.argv(logs.units.matches(journal.slices()), wanted.since, follow=True)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            _follow(process, reader, tails, waiting, wanted, linked, end, out, ends)
        finally:
            process.kill()


def _follow(  # noqa: PLR0913
    process: subprocess.Popen[bytes], reader: journal.Reader, tails: list[Any], waiting: Waiting, wanted: Wanted,
    linked: Linked | None, end: float, out: Output, ends: bool,
) -> None:  # fmt: skip
    rest = b""
    if process.stdout is None:
        return
    selector = selectors.DefaultSelector()
    selector.register(process.stdout, selectors.EVENT_READ)
    if ends:
        selector.register(sys.stdin, selectors.EVENT_READ)
    while True:
        now = time.time()
        for key, _ in selector.select(EVERY):
            block = os.read(key.fd, 1 << 16)
            if not block:
                if key.fileobj is sys.stdin:
                    return
                selector.unregister(key.fileobj)
            elif key.fileobj is process.stdout:
                *whole, rest = (rest + block).split(b"\n")
                rest = rest[: journal.LONGEST]
                for line in whole:
                    _add(waiting, reader.entry(line), wanted, linked)
        for tail, entry_of in tails:
            for line in tail.new():
                _add(waiting, entry_of(line), wanted, linked)
        for entry in waiting.until(float("inf") if now >= end else now - HELD):
            out.entry(entry)
        out.flush()
        if now >= end:
            return
        if not selector.get_map():
            time.sleep(EVERY)


def _add(waiting: Waiting, entry: Entry | None, wanted: Wanted, linked: Linked | None) -> None:
    if entry and wanted.takes(entry) and (linked is None or linked.is_of(entry)):
        waiting.add(entry)


class Output:
    """Writes entries; MOST are so many bytes that it stops and says so, 0 for no limit."""

    def __init__(self, stream: TextIO, most: int = 0) -> None:
        self.stream, self.most, self.written = stream, most, 0
        self.is_cut, self.is_new, self.flushed = False, False, time.monotonic()

    def entry(self, entry: Entry) -> None:
        line = json.dumps(entry.shown()) + "\n"  # ASCII: no sign of a visitor's or an app's reaches the way as it is
        self.written += len(line)
        if self.most and self.written > self.most:
            self.is_cut = True
            return
        self.stream.write(line)
        self.is_new = True

    def flush(self) -> None:
        """Send what is written; an empty line says that nothing more is at hand."""
        if self.is_new or time.monotonic() - self.flushed > ALIVE:
            self.stream.write("\n")
            self.stream.flush()
            self.is_new, self.flushed = False, time.monotonic()


def run(asked: Mapping[str, Any], stream: TextIO) -> None:
    """Print to STREAM what is ASKED for."""
    os.nice(10)
    out, now = Output(stream, int(asked["most_bytes"])), time.time()
    stream.write(READY + "\n")
    stream.flush()
    logs = Logs(asked)
    seconds = float(asked["follow"])
    # What is followed begins before now: its lines may come late.
    border = now - HELD if seconds else now + SOON
    chosen = {name: str(asked[name]) for name in ("process", "level", "grep", "request_id")}
    until = min(float(asked["until"]) or border, border)
    for number, entry in enumerate(history(logs, Wanted(float(asked["since"]), until, **chosen), int(asked["lines"]))):
        out.entry(entry)
        if number % 1000 == 999:
            out.flush()
        if out.is_cut:
            break
    out.flush()
    if seconds:
        follow(logs, Wanted(border, float("inf"), **chosen), now + seconds, out, bool(asked["watch_input"]))
    stream.write(json.dumps({"end": True, "cut": out.is_cut, "until": until}) + "\n")
    stream.flush()


SOON = 1.0
"""Seconds by which a clock, or the rounding of one, may be ahead."""


def end_with_input() -> None:
    """End soon after standard input, whatever goes on: a pattern that is looked for can take forever on a single line."""

    def look(*_: Any) -> None:
        if select.select([sys.stdin], [], [], 0)[0] and not os.read(sys.stdin.fileno(), 1):
            raise SystemExit(1)

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, WATCHED_SECONDS, WATCHED_SECONDS)


def main() -> None:
    """Run as a program: what is asked for is the next line of standard input."""
    asked = json.loads(sys.stdin.readline())
    if asked["watch_input"]:
        end_with_input()
    try:
        run(asked, sys.stdout)
    except BrokenPipeError:
        os._exit(1)  # nobody listens any more; the interpreter would try to write what is left
