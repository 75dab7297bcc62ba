# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The part of the host's journal that is one app's: its web server, processes, timers, services, and its releases.

Which unit a line is of is systemd's word (`_SYSTEMD_SLICE`, `_SYSTEMD_UNIT`), never the writer's: an app can print whatever
it likes, but not as another one. journalctl looks up times and fields in the journal's own indexes.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, NamedTuple

from ansible_collections.slipway.flask.plugins.module_utils._logs import text
from ansible_collections.slipway.flask.plugins.module_utils._logs.entry import Entry

PROGRAM = "/usr/bin/journalctl"
FIELDS = ("MESSAGE,PRIORITY,_SYSTEMD_UNIT,UNIT,_PID,_STREAM_ID,_UID,SYSLOG_IDENTIFIER,SLIPWAY_APP,SLIPWAY_RELEASE,"
          "SLIPWAY_OUTCOME,SLIPWAY_BY,SLIPWAY_REVISION")  # fmt: skip
LEVELS = dict(
    zip("01234567", ("critical", "critical", "critical", "error", "warning", "info", "info", "debug"), strict=True)
)
"""Of the journal's priorities; an app can send any text as one."""
REDIS = re.compile(r"\d+:[A-Z] \d+ \w+ \d+ [\d:.]+ ([.*#-]) ")
REDIS_LEVELS = {".": "debug", "-": "debug", "*": "info", "#": "warning"}
TOGETHER_SECONDS, AT_ONCE_SECONDS = 2.0, 0.01
LONGEST = 1 << 20
"""Bytes of a line of journalctl's: six times what journald takes of a process's output. Only what an app sends to the journal
by itself can be longer; it is left out."""
STREAMS = 1000
"""Streams of output whose last line is remembered, for the lines of a traceback."""


@dataclass(frozen=True)
class Units:
    """The units of one APP; SERVICES are other units that are its own, with what they are called here."""

    app: str
    processes: tuple[str, ...] = ()
    services: tuple[tuple[str, str], ...] = ()

    def matches(self, slices: Iterable[str] = ()) -> list[str]:
        """Return journalctl's arguments for all of them. SLICES are those that the journal knows: of former processes too."""
        own = re.compile(rf"system-{re.escape(escaped(self.app))}(?:\.[^/\s]+)?\.slice")
        names = [self.app, *(f"{self.app}.{process}" for process in self.processes)]
        known = {f"system-{escaped(name)}.slice" for name in names} | {name for name in slices if own.fullmatch(name)}
        found = [f"_SYSTEMD_SLICE={name}" for name in sorted(known)]
        for unit, _ in self.services:
            found += ["+", f"_SYSTEMD_UNIT={unit}"]
        return [*found, "+", "_PID=1", "SYSLOG_IDENTIFIER=systemd", "+", f"SLIPWAY_APP={self.app}", "_UID=0"]

    def of(self, unit: str) -> tuple[str, str, str]:
        """Return the process and the release that UNIT runs, and the process with its number where it is not the first.

        All are empty when it isn't the app's.
        """
        app = re.escape(self.app)
        found = re.fullmatch(rf"{app}(?:\.([a-z0-9_-]+)(\.\d+)?)?@(.*)\.(?:service|timer|socket)", unit)
        if found:
            process = found[1] or "web"
            return process, found[3], process + (found[2] or "")
        if unit in (f"{self.app}.service", f"{self.app}.socket"):
            return "web", "", "web"
        service = next((name for known, name in self.services if known == unit), "")
        return service, "", service


def escaped(name: str) -> str:
    """Return a unit's NAME as a part of its slice's (systemd.unit(5), "String Escaping for Inclusion in Unit Names")."""
    return name.replace("-", r"\x2d")


def argv(matches: Iterable[str], since: float, until: float = 0.0, grep: str = "", follow: bool = False) -> list[str]:
    """Return the command that tells what MATCHES (of units) said from SINCE to UNTIL, as far as it has the pattern GREP in it."""
    found = [PROGRAM, "--quiet", "--no-pager", "--output=json", f"--output-fields={FIELDS}", f"--since=@{since:.6f}"]
    found.append(
        "--all"
    )  # without it, journalctl leaves out texts of more than 4 KiB: whoever writes enough would hide it
    if until:
        found.append(f"--until=@{until:.6f}")
    if grep:
        found += [f"--grep={grep}", "--case-sensitive=true"]
    if follow:
        found += ["--follow", "--no-tail"]
    return [*found, *matches]


def slices() -> list[str]:
    """Return the slices of all units that the journal knows, from its own index."""
    with suppress(OSError):
        argv = [PROGRAM, "--quiet", "--no-pager", "--field=_SYSTEMD_SLICE"]
        return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.split()
    return []


def lines(command: list[str]) -> Iterator[bytes]:
    """Yield the lines of journalctl's output; it ends with the one who reads them."""
    with (
        suppress(FileNotFoundError),
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process,
    ):
        try:
            yield from _piped(process.stdout)
        finally:
            process.kill()


def _piped(stream: IO[bytes] | None) -> Iterator[bytes]:
    while stream and (line := stream.readline(LONGEST)):
        if line.endswith(b"\n"):
            yield line
        while not line.endswith(b"\n") and (line := stream.readline(LONGEST)):
            pass  # the rest of one that is too long


class Last(NamedTuple):
    """What the last line of a stream was. PHASE is "" for one with a beginning of its own."""

    level: str
    request_id: str
    time: float
    phase: str


def _phase(message: str, before: str, seconds: float) -> str:
    """Return what of a traceback a line is that came SECONDS after one in the phase BEFORE: `in` it, or at its `end`.

    The exception itself has no mark; what it says may have several lines, which come at once.
    """
    if seconds > TOGETHER_SECONDS:
        return ""
    if text.continues(message):
        return "end" if before == "end" and message.startswith(" ") else "in"
    if before == "in":
        return "end"
    return "end" if before == "end" and seconds < AT_ONCE_SECONDS else ""


class Reader:
    """Makes entries of journalctl's lines: those of a traceback have the level and the request of its first line."""

    def __init__(self, units: Units) -> None:
        self.units = units
        self.last: dict[str, Last] = {}

    def entry(self, line: bytes) -> Entry | None:
        """Return what LINE says, None for one that is not the app's or says nothing."""
        try:
            said = json.loads(line)
            moment = int(said["__REALTIME_TIMESTAMP"]) / 1e6
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        message = message_of(said.get("MESSAGE")).rstrip()
        if not message:
            return None
        level = LEVELS.get(str(said.get("PRIORITY")), "info")
        if said.get("SLIPWAY_APP") == self.units.app and said.get("_UID") == "0":
            fields = {
                name.lower(): said[f"SLIPWAY_{name}"]
                for name in ("OUTCOME", "BY", "REVISION")
                if said.get(f"SLIPWAY_{name}")
            }  # noqa: E501
            return Entry(
                moment, "release", "release", message, level, "", str(said.get("SLIPWAY_RELEASE") or ""), fields
            )
        if said.get("_PID") == "1":
            process, release, _ = self.units.of(str(said.get("UNIT") or ""))
            return Entry(moment, "systemd", process, message, level, "", release) if process else None
        process, release, label = self.units.of(str(said.get("_SYSTEMD_UNIT") or ""))
        if not process:
            return None
        if any(process == name for _, name in self.units.services):
            message, level = of_redis(message, level) if process == "redis" else (message, level)
            return Entry(moment, process, process, message, level)
        return self._printed(said, moment, process, label, release, level, message)

    def _printed(  # noqa: PLR0913
        self, said: dict[str, Any], moment: float, process: str, label: str, release: str, level: str, message: str
    ) -> Entry:  # fmt: skip
        """Return what the app, gunicorn or a worker has printed."""
        found = text.of(message)
        stream = str(said.get("_STREAM_ID") or said.get("_PID"))
        before = self.last.get(stream)
        phase = ""
        if found.kind == "app" and not found.level and not found.request_id and found.fields is None and before:
            phase = _phase(message, before.phase, moment - before.time)
        if before and phase:
            level, found.request_id = before.level, before.request_id
        elif found.level and level == "info":
            level = found.level
        if len(self.last) > STREAMS:
            self.last.clear()
        self.last[stream] = Last(level, found.request_id, moment, phase)
        source = found.kind if process == "web" else label
        fields = dict(found.fields or {})
        return Entry(moment, source, process, found.message, level, found.request_id, found.release or release, fields)


def of_redis(message: str, level: str) -> tuple[str, str]:
    """Return what Redis says without the time that the journal has as well, and how much it matters."""
    found = REDIS.match(message)
    return (message[found.end() :], REDIS_LEVELS[found[1]]) if found else (message, level)


def message_of(value: Any) -> str:
    """Return a MESSAGE, which journalctl gives as a list of bytes when it isn't plain text."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        with suppress(TypeError, ValueError):
            return bytes(value).decode(errors="replace")
    return ""
