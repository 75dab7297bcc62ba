# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What pgBackRest has at the targets, and why something failed, as it says it. PRIVATE to the collection.

It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup.places import STANZA

CODE = re.compile(r"^(?:P\d+ +)?ERROR: \[(\d+)\]: *", re.MULTILINE)
UNREACHABLE = 99
"""Status code of a repository that could not be read; there are smaller ones for what is in it."""


@dataclass(frozen=True)
class Backup:
    """One backup of the cluster in one repository."""

    label: str
    kind: str
    """full, diff or incr."""
    start: datetime
    stop: datetime
    size: int
    """Bytes of the cluster."""
    stored: int
    """Bytes that this backup added to the repository."""
    wal: tuple[str, str] = ("", "")
    """First and last segment that make it consistent."""
    prior: str = ""
    """The one that it builds on, "" for a full."""
    damaged: bool = False
    """Whether a page's checksum was wrong while it was made."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    """Major version of the PostgreSQL that it is of: an upgraded cluster's older backups are of the former one."""


@dataclass(frozen=True)
class Repository:
    """What pgBackRest has at one target. BACKUPS are the oldest first; PROBLEM says why it can't be used, "" when it can."""

    number: int
    backups: list[Backup]
    problem: str = ""
    wal: tuple[str, str] = ("", "")
    """First and last segment that is archived."""
    system: int = 0
    """The cluster's own number (its system identifier), 0 when it is not known."""
    version: str = ""
    """Major version of its PostgreSQL."""
    archive: str = ""
    """What the archive of its WAL is called."""

    @property
    def fulls(self) -> list[Backup]:
        return [backup for backup in self.backups if backup.kind == "full"]

    def before(self, time: datetime | None) -> Backup | None:
        """Return the newest backup that ended at TIME at the latest, None when there is none."""
        found = [backup for backup in self.backups if time is None or backup.stop <= time]
        return found[-1] if found else None


def reason(said: str) -> str:
    """Return the first error of what pgBackRest SAID, in one line and with the code that its documentation has."""
    found = CODE.search(said)
    if not found:
        return " ".join(said.split())[-500:] or "it gave no reason"
    lines = [line.strip() for line in said[found.end() :].splitlines()]
    kept: list[str] = []
    for line in lines:
        if CODE.match(line) or line.startswith(("HINT: is the", "HINT: this may")):
            break
        kept.append(line.removeprefix("HINT: "))
    return f"{' '.join(' '.join(kept).split())[:500]} (its error {found[1]})"


def first_line(said: str) -> str:
    """Return what can be printed of the first line of what pgBackRest SAID, which may hold what it read with a wrong passphrase."""
    line = (said.strip().splitlines() or [""])[0]
    return "".join(sign for sign in line if sign.isprintable())[:500].rstrip(": ") or "it gave no reason"


def repositories(stanzas: Sequence[Mapping[str, Any]], numbers: Iterable[int]) -> list[Repository]:
    """Return the repositories with NUMBERS as `pgbackrest info --output=json` describes them."""
    stanza = next((found for found in stanzas if found["name"] == STANZA), {})
    return [_repository(stanza, number) for number in numbers]


def _repository(stanza: Mapping[str, Any], number: int) -> Repository:
    state = next((repo["status"] for repo in stanza.get("repo", []) if repo["key"] == number), None)
    problem = ""
    if state is None or state["code"] == 1:
        problem = "it holds no repository of pgBackRest's for this host"
    elif state["code"] >= UNREACHABLE:
        problem = first_line(str(state["message"]))
    mine = [found for found in stanza.get("db", []) if found.get("repo-key", 1) == number]
    versions = {found["id"]: str(found.get("version", "")) for found in mine}
    backups = [
        _backup(found, versions) for found in stanza.get("backup", []) if found["database"].get("repo-key", 1) == number
    ]
    newest = mine[-1] if mine else {}
    archives = [
        found for found in stanza.get("archive", [])
        if found["database"].get("repo-key", 1) == number and found["database"]["id"] == newest.get("id")
    ]  # fmt: skip
    wal = (archives[-1].get("min") or "", archives[-1].get("max") or "") if archives else ("", "")
    return Repository(
        number, sorted(backups, key=lambda backup: backup.stop), problem, wal, int(newest.get("system-id", 0)),
        str(newest.get("version", "")), str(archives[-1]["id"]) if archives else "",
    )  # fmt: skip


def _backup(found: Mapping[str, Any], versions: Mapping[int, str]) -> Backup:
    sizes, archive = found["info"], found.get("archive") or {}
    return Backup(
        found["label"],
        found["type"],
        datetime.fromtimestamp(found["timestamp"]["start"], timezone.utc),
        datetime.fromtimestamp(found["timestamp"]["stop"], timezone.utc),
        int(sizes["size"]),
        int(sizes["repository"]["delta"]),
        (archive.get("start") or "", archive.get("stop") or ""),
        found.get("prior") or "",
        bool(found.get("error")),
        dict(found.get("annotation") or {}),
        versions.get(found["database"]["id"], ""),
    )
