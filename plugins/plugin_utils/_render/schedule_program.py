# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Runs a command at the times of a line of cron, where no systemd and no CronJob does: `schedule.py OPTIONS -- COMMAND`.

There is one of these for each schedule, so that two runs never overlap. It is copied as it is beside compose.yaml and the
stack, is run by the app's own Python, and imports nothing but its library. SIGTERM ends it after the run that is under way.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LATEST = timedelta(days=4 * 366)
"""The 29th of February comes again within that."""
KILL_SECONDS = 10


def numbers(field: str, low: int, high: int) -> set[int]:
    """Return what a FIELD of cron means: `*`, `*/15`, `1-5`, `1,2`."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        begin, end = (low, high) if span == "*" else (int(first), int(last or first))
        found |= set(range(begin, end + 1, int(step or 1)))
    return found


def following(line: str, after: datetime) -> datetime:
    """Return the first minute after AFTER that LINE means, in the same time zone.

    Unlike cron, a day of the month and a weekday must both agree. A time that a clock skips comes an hour later, one that it
    has twice comes once. Raises ValueError when there is none.
    """
    minute, hour, day, month, week = line.split()
    minutes, hours = numbers(minute, 0, 59), numbers(hour, 0, 23)
    days, months, weekdays = numbers(day, 1, 31), numbers(month, 1, 12), numbers(week, 0, 6)
    at = after.replace(second=0, microsecond=0, tzinfo=None, fold=0) + timedelta(minutes=1)
    end = at + LATEST
    while at < end:
        if at.month not in months or at.day not in days or (at.weekday() + 1) % 7 not in weekdays:
            at = at.replace(hour=0, minute=0) + timedelta(days=1)
        elif at.hour not in hours:
            at = at.replace(minute=0) + timedelta(hours=1)
        elif at.minute not in minutes:
            at += timedelta(minutes=1)
        else:
            return at.replace(tzinfo=after.tzinfo)
    raise ValueError(f"'{line}' never comes")


def zone_of(name: str) -> ZoneInfo | timezone:
    if name in ("UTC", "Etc/UTC"):
        return timezone.utc
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        sys.exit(f"the image does not know the time zone {name}: add tzdata to the app's system_packages")


class Schedule:
    """The times at which COMMAND is run, and what is kept of them in the folder STATE, if there is one."""

    def __init__(
        self, line: str, zone: str, command: list[str], state: str, timeout: int, stop: int, sign: str
    ) -> None:
        self.line, self.zone, self.command = line, zone_of(zone), command
        self.timeout, self.stop, self.signal = timeout, stop, getattr(signal, sign)
        self.mark = Path(state) / ".scheduled" if state and os.access(state, os.W_OK) else None
        self.ending = False

    def now(self) -> datetime:
        return datetime.now(self.zone)

    def last(self) -> datetime | None:
        """Return the time that was run for last, None if nobody knows."""
        try:
            return datetime.fromtimestamp(float(self.mark.read_text()), self.zone) if self.mark else None
        except (OSError, ValueError):
            return None

    def note(self, at: datetime) -> None:
        if self.mark:
            self.mark.write_text(f"{at.timestamp()}\n")

    def run(self) -> int:
        """Run the command and return its exit code; it is asked to stop after its time, and killed if it doesn't."""
        begin = time.monotonic()
        print(f"schedule: begins: {' '.join(self.command)}", file=sys.stderr, flush=True)
        process = subprocess.Popen(self.command)
        try:
            code = process.wait(self.timeout or None)
        except subprocess.TimeoutExpired:
            print(f"schedule: stopped: it took longer than {self.timeout} s", file=sys.stderr, flush=True)
            process.send_signal(self.signal)
            try:
                code = process.wait(self.stop)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
            code = code or 1
        took = time.monotonic() - begin
        print(f"schedule: ended with {code} after {took:.1f} s", file=sys.stderr, flush=True)
        return code

    def wait_until(self, at: datetime) -> None:
        """Sleep in short steps: a machine that slept, or whose clock was set, is late by no more than one of them."""
        while not self.ending and (left := (at - self.now()).total_seconds()) > 0:
            time.sleep(min(left, 5))

    def end(self, *_: object) -> None:
        self.ending = True


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cron", required=True)
    parser.add_argument("--zone", default="Etc/UTC")
    parser.add_argument("--timeout", type=int, default=0)
    parser.add_argument("--jitter", type=int, default=0)
    parser.add_argument("--stop", type=int, default=KILL_SECONDS)
    parser.add_argument("--signal", default="SIGTERM")
    parser.add_argument("--catch-up", action="store_true")
    parser.add_argument("command", nargs="+")
    given = parser.parse_args(arguments)
    state = os.environ.get("STATE_DIRECTORY", "")
    one = Schedule(given.cron, given.zone, given.command, state, given.timeout, given.stop, given.signal)
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, one.end)
    last = one.last()
    # The first start notes when it began: what was due before is nobody's.
    at = following(given.cron, last if given.catch_up and last else one.now())
    if last is None:
        one.note(one.now())
    while not one.ending:
        print(f"schedule: next at {at.isoformat()}", file=sys.stderr, flush=True)
        one.wait_until(at)
        if given.jitter and not one.ending:
            one.wait_until(one.now() + timedelta(seconds=random.uniform(0, given.jitter)))  # noqa: S311
        if one.ending:
            break
        one.note(one.now())  # however many times were missed, they are made up for once
        one.run()
        at = following(given.cron, one.now())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
