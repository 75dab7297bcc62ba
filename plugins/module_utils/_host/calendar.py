# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""When a calendar expression comes next, by the word of the host's own systemd (systemd-analyze(1), "calendar").

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import re
import subprocess
from datetime import datetime, timezone

from ansible_collections.slipway.flask.plugins.module_utils._host.systemd import HostError

UTC = re.compile(r"^\s*(?:Next elapse|\(in UTC\)): \w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d+)? UTC$", re.MULTILINE)


def next_time(expression: str, after: float | None = None) -> float | None:
    """Return when EXPRESSION comes next AFTER a time, now if None, as seconds of Unix; None for never.

    Raises HostError when this host's systemd does not take it.
    """
    base = [] if after is None else [f"--base-time=@{int(after)}"]
    done = subprocess.run(
        ["systemd-analyze", "calendar", *base, "--", expression],
        capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    if done.returncode:
        raise HostError(f"systemd on this host does not accept '{expression}': {done.stderr.strip()}")
    found = UTC.findall(done.stdout)
    if not found:
        return None
    return unix(found[-1])


def unix(text: str) -> float:
    """Return a time such as 2026-11-26 09:39:47, in UTC, as seconds of Unix."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc).timestamp()


def told(moment: float | None) -> str:
    """Return a MOMENT to the minute, in UTC, as releases have it."""
    return "never" if moment is None else datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def next_told(expression: str) -> str:
    """Return when EXPRESSION comes next, for people."""
    try:
        return told(next_time(expression))
    except HostError as error:
        return f"unknown: {error}"


def passed(expression: str, after: float, before: float) -> str:
    """Return when EXPRESSION came first AFTER a time and BEFORE another one, for people; "" for not at all."""
    try:
        due = next_time(expression, after)
    except HostError:
        return ""
    return told(due) if due is not None and due < before else ""
