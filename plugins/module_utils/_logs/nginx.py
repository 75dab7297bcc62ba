# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""nginx's logs of one site: the access log, one JSON object a line, and the error log.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._logs.entry import Entry, level_of, limited

FOLDER = "/var/log/nginx"
EXACT = re.compile(rb'"timestamp":(\d+\.\d+)\}\s*$')
WRITTEN = re.compile(rb'^\{"time":"([0-9T:+-]{25})"')
FAILED = re.compile(rb"^(\d{4})/(\d\d)/(\d\d) (\d\d):(\d\d):(\d\d) ")
"""The error log's time, by the host's own clock."""
ERROR = re.compile(
    r"^\S+ \S+ \[(?P<level>\w+)\] (?P<pid>\d+)#\d+: (?:\*(?P<connection>\d+) )?(?P<message>.*)$", re.DOTALL
)
SHOWN = ("client", "user", "method", "host", "uri", "protocol", "status", "bytes", "seconds", "upstream_status",
         "upstream_seconds", "referer", "user_agent", "connection")  # fmt: skip


def access_time(line: bytes) -> float | None:
    if exact := EXACT.search(line[-64:]):
        return float(exact[1])
    written = WRITTEN.match(line)
    return _seconds(written[1]) if written else None


@lru_cache(maxsize=64)
def _seconds(written: bytes) -> float | None:
    try:
        return datetime.fromisoformat(written.decode()).timestamp()
    except ValueError:
        return None


def error_time(line: bytes) -> float | None:
    found = FAILED.match(line)
    return _local(found.group().strip()) if found else None


@lru_cache(maxsize=64)
def _local(written: bytes) -> float | None:
    try:
        return time.mktime(time.strptime(written.decode(), "%Y/%m/%d %H:%M:%S"))
    except (ValueError, OverflowError):
        return None


def access(line: bytes, masked: Callable[[str], str]) -> Entry | None:
    """Return what a LINE of the access log says, None when it is none."""
    moment = access_time(line)
    try:
        said = json.loads(line.decode(errors="replace"))
    except ValueError:
        return None
    if moment is None or not isinstance(said, dict):
        return None
    return of_request(moment, said, masked)


def of_request(moment: float, said: dict[str, Any], masked: Callable[[str], str]) -> Entry:
    for name in ("uri", "referer"):
        said[name] = masked(str(said.get(name) or ""))
    status, seconds = number(said.get("status")), number(said.get("seconds"))
    text = f"{said.get('method', '')} {said['uri']} {status:.0f}, {_duration(seconds)}, {said.get('client', '')}"
    answered = said.get("upstream_status") or ""
    if answered and answered != str(int(status)):
        text += f", the app answered {answered}"
    return Entry(
        moment, "nginx", "nginx", text.strip(), "error" if status >= 500 else "info", str(said.get("request_id") or ""),
        str(said.get("release") or ""), limited({name: said.get(name) for name in SHOWN}),
    )  # fmt: skip


def number(value: Any) -> float:
    return value if isinstance(value, (int, float)) else 0


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.0f} s"


def error(line: bytes, masked: Callable[[str], str]) -> Entry | None:
    """Return what a LINE of the error log says, None when it is none."""
    moment, text = error_time(line), line.decode(errors="replace").rstrip("\n")
    found = ERROR.match(text)
    if moment is None or not found:
        return None
    fields: dict[str, Any] = {"connection": int(found["connection"])} if found["connection"] else {}
    level = level_of(found["level"]) or "info"
    return Entry(moment, "nginx-error", "nginx", masked(found["message"]), level, fields=fields)
