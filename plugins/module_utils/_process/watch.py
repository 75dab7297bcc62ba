# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What visitors get from a release after the switch, read from its log, against what they got from the one before.

The log is the journal of the release's own instance: gunicorn's access log (JSON) and its messages. It is the same behind
any proxy, and nothing has to be installed for it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import math
import os
import re
import select
import statistics
import subprocess
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from ansible_collections.slipway.flask.plugins.module_utils._app import health as app_health
from ansible_collections.slipway.flask.plugins.module_utils._app.health import Health
from ansible_collections.slipway.flask.plugins.module_utils._app.places import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._host import (
    environment_file,
    repeats,
    systemd,
    unix_sockets,
)
from ansible_collections.slipway.flask.plugins.module_utils._process.health import unhealthy

LOOK_SECONDS, HEALTH_SECONDS = 0.5, 5
"""Time between two looks at what the log has brought, and for an answer to the health request at each."""
LAST_LINES = 80
"""Of an app that can't be ready, so many lines are shown at most."""
BEFORE_SECONDS, BEFORE_LINES = 60, 2000
"""How far back the log of the release before is read."""
ERRORS_MIN, ERRORS_SHARE, CHANCE = 3, 0.05, 0.001
"""Server errors that matter: so many, such a share of all answers, and so unlikely at the rate before."""
SLOW_MS, SLOW_TIMES, SLOW_MIN = 1000, 3, 10
"""A median answer that matters: longer than this, so many times the one before, and so many answers of each release."""
SILENT_MIN, WAITING_MIN = 20, 3
"""Requests to expect, by the rate before, and those that wait, for no answer at all to matter. Visitors may just be gone."""
DEATHS_MIN, UNREADY_MIN = 2, 2
"""Workers that die and bad answers to the health request, in a row, that matter. One may be bad luck."""
SAID_LINES, SAID_CHARACTERS = 8, 800
"""How much of what the app said is shown; the end of a line that holds a whole traceback says most."""
# gunicorn/arbiter.py (27.0): murder_workers, reap_workers; SIGTERM is how a worker is told to end.
TIMEOUT = re.compile(r"WORKER TIMEOUT \(pid:")
DEATH = re.compile(r"Worker \(pid:\d+\) (was sent (?!SIGTERM)\w+!|exited with code [1-9])")
MONOTONIC = re.compile(r"\[ *(\d+\.\d+)\] \S+ [^\[: ]+(?:\[\d+\])?: ")


@dataclass
class Seen:
    """What a log told of one release. MILLISECONDS are those of each answer, WAITING the connections open at last."""

    answers: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)
    deaths: int = 0
    timeouts: int = 0
    seconds: float = 0.0
    waiting: int = 0
    said: deque[str] = field(default_factory=lambda: deque(maxlen=SAID_LINES))

    @property
    def failed(self) -> int:
        return self.errors.total()

    def take(self, line: str) -> None:
        """Take in one line of the log; what is neither a request nor gunicorn's is kept to be shown."""
        entry = request_of(line)
        if entry is None:
            self.timeouts += bool(TIMEOUT.match(line))
            self.deaths += bool(DEATH.match(line))
            if line.strip():
                self.said.append(line.rstrip()[-SAID_CHARACTERS:])
        elif entry["user_agent"] != "slipway":
            self.answers += 1
            self.milliseconds.append(float(entry["duration_ms"]))
            if entry["status"] >= 500:
                self.errors[f"{entry['method']} {entry['path']} {entry['status']}"] += 1


def request_of(line: str) -> dict[str, Any] | None:
    """Return the entry of the access log in LINE, None for any other line; an app may log JSON of its own."""
    if not line.startswith("{"):
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    wanted: dict[str, Any] = {
        "release": str,
        "status": int,
        "duration_ms": (int, float),
        "method": str,
        "path": str,
        "user_agent": str,
    }
    good = isinstance(entry, dict) and all(isinstance(entry.get(key), kind) for key, kind in wanted.items())
    return entry if good else None


def chance(failed: int, answers: int, rate: float) -> float:
    """Return how likely at least FAILED of ANSWERS are when each fails with probability RATE (binomial tail)."""
    logs = (
        math.lgamma(answers + 1) - math.lgamma(count + 1) - math.lgamma(answers - count + 1)
        + count * math.log(rate) + (answers - count) * math.log1p(-rate)
        for count in range(failed, answers + 1)
    )  # fmt: skip
    return sum(map(math.exp, logs))


def fault(before: Seen, after: Seen) -> str:
    """Return in one sentence why the release does worse than the one BEFORE, "" when it does not.

    With nothing known of the one before, one request in twenty may fail.
    """
    failed, answers = after.failed, after.answers
    rate = max((before.failed + 1) / (before.answers + 20), before.failed / max(before.answers, 1))
    if failed >= max(ERRORS_MIN, ERRORS_SHARE * answers) and chance(failed, answers, min(rate, 0.999)) < CHANCE:
        most = ", ".join(f"{what} ({times}×)" for what, times in after.errors.most_common(3))
        return (
            f"{failed} of {answers} requests got a server error "
            f"({before.failed} of {before.answers} before): {most}"
        )  # fmt: skip
    if after.deaths >= DEATHS_MIN and after.deaths > before.deaths:
        timeouts = f", {after.timeouts} of them stuck in a request" if after.timeouts else ""
        return f"{after.deaths} workers died{timeouts}"
    if min(answers, before.answers) >= SLOW_MIN:
        old, new = statistics.median(before.milliseconds), statistics.median(after.milliseconds)
        if new >= SLOW_MS and new >= SLOW_TIMES * old:
            return f"half of the {answers} requests took {new / 1000:.1f} s or longer ({old / 1000:.2f} s before)"
    expected = before.answers / max(before.seconds, 1) * after.seconds
    if not answers and after.waiting >= WAITING_MIN and expected >= SILENT_MIN:
        return f"no request was answered and {after.waiting} are waiting; before, about {expected:.0f} would have been answered"
    return ""


def last_words(unit: str) -> str:
    """Return the end of what UNIT's newest run wrote to the journal: no requests (the gate's own are many), and what each
    of them made the app say only once, whole.
    """
    lines, again = repeats.once([
        line for line in systemd.journal(unit, BEFORE_LINES).splitlines() if request_of(line) is None
    ])  # fmt: skip
    return systemd.tail("\n".join(lines), min(max(again, systemd.TAIL_LINES), LAST_LINES))


def recent(unit: str) -> Seen:
    """Return what visitors got from UNIT in the last minute, by a clock that nobody sets (it counts from the boot)."""
    command = [*systemd.newest_run(unit), "--output=short-monotonic", f"--lines={BEFORE_LINES}"]
    lines = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False).stdout.splitlines()
    found, now = Seen(), time.monotonic()
    for line in lines:
        match = MONOTONIC.match(line)
        if match and now - float(match[1]) <= BEFORE_SECONDS:
            found.seconds = found.seconds or now - float(match[1])
            found.take(line[match.end() :])
    return found


@contextmanager
def log_of(unit: str) -> Iterator[Log]:
    """Follow what UNIT's newest run writes, from its start on."""
    command = [*systemd.newest_run(unit), "--output=cat", "--follow", "--no-tail"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            yield Log(cast(IO[bytes], process.stdout).fileno())
        finally:
            process.kill()


class Log:
    """Lines that come in at a file descriptor, as far as they have come."""

    def __init__(self, handle: int) -> None:
        self.handle, self.rest = handle, b""

    def lines(self, seconds: float) -> Iterator[str]:
        """Yield the whole lines that come within SECONDS."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.handle], [], [], left)[0]:
                continue
            read = os.read(self.handle, 1 << 16)
            if not read:  # journalctl has ended: there is nothing to wait for, but the time goes on
                time.sleep(left)
                return
            *whole, self.rest = (self.rest + read).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole)


class Watch:
    """Looks after a release that has just been switched to, by the log of its UNIT and by the health request at its SOCKET.

    PREVIOUS is the unit of the previous release, which still runs. SETTINGS is the environment file with what must not be shown.
    """

    def __init__(self, unit: str, previous: str, socket: Path, health: Health, settings: Path) -> None:
        self.unit, self.socket, self.health, self.settings = unit, socket, health, settings
        self.before = recent(previous)
        self.after, self.unready, self.said = Seen(), 0, ""

    def run(self, seconds: float) -> None:
        """Watch for SECONDS. Raises ReleaseError as soon as the release does worse than the one before."""
        started = time.monotonic()
        with log_of(self.unit) as log:
            while (left := started + seconds - time.monotonic()) > 0:
                for line in log.lines(min(left, LOOK_SECONDS)):
                    self.after.take(line)
                self.after.seconds = time.monotonic() - started
                self.after.waiting = unix_sockets.connected(self.socket)
                self._judge(self._service() or self._health() or self._visitors(left <= LOOK_SECONDS))

    def look_back(self) -> None:
        """Judge by what the log has already. Raises ReleaseError as `run` does."""
        self.after = recent(self.unit)
        self.after.seconds = 0  # how long visitors have been coming here is not known
        self._judge(self._service() or fault(self.before, self.after))

    def _visitors(self, last: bool) -> str:
        """Return what is wrong with the answers; silence counts at the LAST look only."""
        return fault(self.before, self.after) if last or self.after.answers or self.after.deaths else ""

    def _service(self) -> str:
        found = systemd.properties(self.unit, "ActiveState", "NRestarts")
        if found.get("ActiveState") == "active" and found.get("NRestarts", "0") == "0":
            return ""
        return "gunicorn ended and had to be restarted"

    def _health(self) -> str:
        """Return what is wrong with the health request, which is asked on the release's own socket at every look."""
        said = unhealthy(self.socket, self.health, HEALTH_SECONDS)
        self.unready = self.unready + 1 if said else 0
        must = app_health.wanted(self.health)
        return f"{said}; it must answer {must}" if self.unready >= UNREADY_MIN else ""

    def _judge(self, wrong: str) -> None:
        if wrong:
            last = environment_file.masked("\n".join(self.after.said), self.settings)
            raise ReleaseError(f"after the switch, {wrong}. The end of its journal, without the requests:\n{last}")
