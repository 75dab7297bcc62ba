# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What restic says: of snapshots, of one that it made, and why it failed. PRIVATE to the collection.

It can have breaking changes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

WRONG = re.compile(r"wrong password or no key found")


@dataclass(frozen=True)
class Snapshot:
    """One snapshot: what was read, when, and what it is tagged with."""

    id: str
    time: datetime
    paths: tuple[str, ...]
    tags: tuple[str, ...]

    def tag(self, name: str) -> str:
        """Return the value of a tag `<name>:<value>`, "" when there is none."""
        return next((tag.partition(":")[2] for tag in self.tags if tag.startswith(f"{name}:")), "")


@dataclass(frozen=True)
class Saved:
    """What a backup did: the snapshot's id, and the bytes that were read and that the repository grew by."""

    id: str
    read: int
    added: int
    unread: tuple[str, ...] = ()
    """Files that could not be read."""


def snapshot(found: Any) -> Snapshot:
    """Return a snapshot as `restic snapshots --json` describes it."""
    return Snapshot(found["id"], _time(found["time"]), tuple(found.get("paths") or ()), tuple(found.get("tags") or ()))


def reason(said: str) -> str:
    """Return why restic failed, in one line, of what it SAID: the last lines that are not about retries."""
    if WRONG.search(said):
        return "the passphrase is not the one that the repository was created with"
    lines = [_message(line.strip()) for line in said.splitlines() if line.strip() and "will retry" not in line]
    fatal = [line for line in lines if line.startswith("Fatal:")]
    return " ".join(fatal or lines[-2:]).removeprefix("Fatal: ")[:500] or "it gave no reason"


def _message(line: str) -> str:
    """Return what a LINE says: from 0.17 on, an error is JSON where the answer is."""
    try:
        found = json.loads(line) if line.startswith("{") else {}
        return " ".join(str(found.get("message") or found.get("error", {}).get("message") or line).split())
    except (ValueError, AttributeError):
        return line


def _time(text: str) -> datetime:
    """Return restic's time, which has nanoseconds."""
    found = re.sub(r"(\.\d{6})\d*", r"\1", re.sub(r"\.(\d{1,5})(?=\D)", lambda m: "." + m[1].ljust(6, "0"), text))
    return datetime.fromisoformat(found.replace("Z", "+00:00")).astimezone(timezone.utc)


def lines(text: str) -> list[dict[str, Any]]:
    """Return the lines of TEXT that are JSON."""
    found = []
    for line in text.splitlines():
        if line.startswith("{"):
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
    return found
