# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a line that an app, gunicorn or a worker prints says of itself: its level, its request, its text.

Anything can stand there. JSON of the usual names is read; of plain text, the usual beginnings of Python's logging. The
lines of a traceback belong to the line before it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._logs.entry import level_of, limited

REQUEST_ID = re.compile(r"\brequest[_-]?id['\"]?\s*[=:]\s*['\"]?([A-Za-z0-9._-]{8,128})", re.IGNORECASE)
TOLD = re.compile(r"\[request_id=([A-Za-z0-9._-]{8,128})\]\s*\Z")
"""As gunicorn's settings add it: behind all that a visitor may have written into the line."""
LEVEL = re.compile(
    r"^(?:\W{0,2}[\d][\d\-/:.,TZ+ ]*\W{0,3})?(?:\[?\d+\]?\s+)?(?:[\w.]{1,60}(?: - |[ :]))?[\[<(]?"
    r"(DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL)\b"
)
LONGEST_BEGINNING = 300
"""Characters in which a level is looked for: of tens of thousands of digits, each could be the end of a time."""
CELERY = re.compile(r"^\[[\d\- :,]+: (DEBUG|INFO|WARNING|ERROR|CRITICAL)/")
TRACEBACK = "Traceback (most recent call last)"
NAMES = {
    "level": ("level", "levelname", "severity", "level_name", "log.level"),
    "message": ("message", "msg", "event", "text"),
    "request_id": ("request_id", "requestId", "request-id", "req_id", "x_request_id", "correlation_id"),
    "release": ("release",),
}
TOLD_ELSEWHERE = {*sum(NAMES.values(), ()), "time", "exception"}
"""What is no field of its own: it is a part of what the line says anyway."""
ACCESS = {"remote_addr", "duration_ms", "path", "status", "method"}
"""What gunicorn's access log always has."""
GUNICORN = re.compile(
    r"^(?:\[[^]]*\] )*(?:Starting gunicorn|Listening at|Using worker|Booting worker|Worker exiting|Worker \(pid|Handling"
    r" signal|Shutting down|WORKER TIMEOUT|Invalid request|Error handling request|Control socket|Reason: |Server is"
    r" ready|Hang up|Master |Exception in worker|Socket error|Ignoring )"
)


@dataclass
class Said:
    """What a line says."""

    message: str
    level: str = ""
    request_id: str = ""
    release: str = ""
    kind: str = "app"
    fields: Mapping[str, Any] | None = None


def of(text: str) -> Said:
    """Return what TEXT says, with an empty level where it doesn't tell one."""
    if text.startswith("{") and text.rstrip().endswith("}"):
        # An app can write any JSON: as deep as can just be read, or with numbers that can't be shown.
        with suppress(ValueError, OverflowError, RecursionError):
            said = json.loads(text)
            if isinstance(said, dict) and said:
                return of_json(said)
    found = LEVEL.match(text, 0, LONGEST_BEGINNING) or CELERY.match(text, 0, LONGEST_BEGINNING)
    request = TOLD.search(text, max(0, len(text) - 200)) or REQUEST_ID.search(text)
    kind = "gunicorn" if GUNICORN.match(text) else "app"
    return Said(text, level_of(found[1]) if found else "", request[1] if request else "", kind=kind)


def of_json(said: dict[str, Any]) -> Said:
    if said.keys() >= ACCESS:
        return _request(said)
    told: dict[str, str] = {}
    for what, names in NAMES.items():
        value = next((said[name] for name in names if isinstance(said.get(name), str)), "")
        told[what] = value
    exception = next(
        (said[name] for name in ("exception", "exc_info", "traceback") if isinstance(said.get(name), str)), ""
    )
    message = told["message"] or json.dumps(said, ensure_ascii=False, default=str)
    if exception:
        message += "\n" + exception
    rest = {name: value for name, value in said.items() if name not in TOLD_ELSEWHERE}
    return Said(message, level_of(told["level"]), told["request_id"], told["release"], "app", limited(rest))


def _request(said: dict[str, Any]) -> Said:
    status = said["status"] if isinstance(said["status"], int) else 0
    path = str(said["path"]) + (f"?{said['query']}" if said.get("query") else "")
    where = said.get("remote_addr") or said.get("remote") or ""
    text = f"{said['method']} {path} {status}, {said['duration_ms']:.0f} ms, {where}" if _is_number(said) else str(said)
    rest = {name: value for name, value in said.items() if name not in ("time", "request_id", "release")}
    return Said(
        text, "error" if status >= 500 else "info", str(said.get("request_id") or ""), str(said.get("release") or ""),
        "gunicorn", limited(rest),
    )  # fmt: skip


def _is_number(said: Mapping[str, Any]) -> bool:
    return isinstance(said["duration_ms"], (int, float))


def continues(text: str) -> bool:
    """Tell whether a line has no beginning of its own: it belongs to the one before."""
    return text.startswith((" ", "\t", TRACEBACK, "During handling of", "The above exception"))
