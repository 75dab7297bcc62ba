# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The releases of an app on a host: their folders and their records.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from ansible_collections.slipway.flask.plugins.module_utils._source.revision import short

ID = re.compile(r"(\d{4,})-[0-9a-z]+(\.[0-9a-z]+)*")
"""A release's id: a number that only grows (a clock may jump backwards), and the short revision."""


class ReleaseError(RuntimeError):
    """A release can't go on; the message is for the user, STAGE is where it stopped.

    HOLDER is the process on a controller that stands in the way, as far as one is known.
    """

    def __init__(self, message: str, stage: str = "", holder: str = "") -> None:
        super().__init__(message)
        self.stage, self.holder = stage, holder


@dataclass
class Record:
    """What release.json and a line of history.jsonl hold. Times are UTC (ISO 8601), durations seconds."""

    id: str
    app: str
    revision: str
    fingerprint: str
    dirty: bool = False
    source: str = ""
    source_key: str = ""
    environment: str = ""
    heads_before: list[str] | None = None
    heads_after: list[str] | None = None
    by: str = ""
    started: str = ""
    ended: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    outcome: str = "unfinished"
    stage: str = ""
    message: str = ""
    previous: str = ""
    notes: list[str] = field(default_factory=list)
    what: Literal["deploy", "rollback"] = "deploy"

    @classmethod
    def read(cls, path: Path) -> Record | None:
        """Return the record in PATH, or None for one that is missing or can't be read."""
        try:
            found = {**json.loads(path.read_text())}
            found.setdefault("what", what_of(found))
            return cls(**{key.name: found[key.name] for key in fields(cls) if key.name in found})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write(self, path: Path) -> None:
        """Write the record to PATH, whole or not at all."""
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_text(json.dumps(asdict(self), indent=2) + "\n")
        temporary.replace(path)


def what_of(entry: Mapping[str, Any]) -> Literal["deploy", "rollback"]:
    """Return what a run did whose ENTRY does not say so: earlier versions of Slipway left it to be told from the rest.

    A rollback that has not ended is at one of its stages or hooks, and never was at `fetch`, where every deploy begins.
    """
    outcome, stage = entry.get("outcome"), str(entry.get("stage") or "")
    if outcome in ("unfinished", "killed"):
        back = stage and not stage.endswith("fetch") and "fetch" not in (entry.get("seconds") or {})
    else:
        back = outcome in ("rolled back", "rollback failed")
    return "rollback" if back else "deploy"


def now() -> str:
    """Return the time in UTC as ISO 8601 with seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


@dataclass(frozen=True)
class Paths:
    """Where everything of one app is on the host."""

    app: str
    root: Path
    settings: Path

    @property
    def releases(self) -> Path:
        return self.root / "releases"

    @property
    def environments(self) -> Path:
        return self.root / "venvs"

    @property
    def shared(self) -> Path:
        return self.root / "shared"

    @property
    def sources(self) -> Path:
        return self.root / "sources"

    def archive(self, key: str) -> Path:
        """Return where the archive of the source with the name KEY is kept."""
        return self.sources / f"{key}.archive"

    @property
    def previous(self) -> Path:
        """The link to the release that served before `current` did."""
        return self.root / "previous"

    @property
    def current(self) -> Path:
        return self.root / "current"

    @property
    def under_way(self) -> Path:
        """Where a run writes its stage, for those who meet it and for the run after one that was killed."""
        return self.root / ".run.json"

    @property
    def history(self) -> Path:
        return self.root / "history.jsonl"

    def release(self, release: str) -> Path:
        return self.releases / release

    def settings_of(self, release: str) -> Path:
        return self.settings / "releases" / release

    def runtime(self, release: str) -> Path:
        return Path("/run") / self.app / release

    def socket(self, release: str) -> Path:
        """Return where RELEASE takes its requests: in a folder of its own, or in one that all of the app's have."""
        link = self.release(release) / "run"
        return (Path(os.readlink(link)) if link.is_symlink() else self.runtime(release)) / "gunicorn.sock"

    def unit(self, release: str) -> str:
        return f"{self.app}@{release}.service"

    def record(self, release: str) -> Record | None:
        return Record.read(self.release(release) / "release.json")

    def current_id(self) -> str:
        """Return the id of the release that `current` points to, "" when there is none."""
        return target_of(self.current)

    def previous_id(self) -> str:
        """Return the id of the release that `previous` points to, "" when there is none."""
        return target_of(self.previous)

    def release_ids(self) -> list[str]:
        """Return the ids of all release folders, oldest first."""
        if not self.releases.is_dir():
            return []
        return sorted((p.name for p in self.releases.iterdir() if ID.fullmatch(p.name)), key=number)


def target_of(link: Path) -> str:
    """Return the name of what LINK points to, "" when there is no link."""
    try:
        return Path(os.readlink(link)).name
    except OSError:
        return ""


def number(release: str) -> int:
    """Return the running number of a release's id."""
    match = ID.fullmatch(release)
    return int(match[1]) if match else 0


def next_id(known: Iterable[str], revision: str) -> str:
    """Return the id of the release after all that are KNOWN."""
    # It stands in the path of a socket, which has at most 107 characters (unix(7)).
    name = re.sub(r"[^0-9a-z]+", ".", short(revision).lower())[:16].strip(".")
    return f"{max(map(number, known), default=0) + 1:04d}-{name}"


def fingerprint(parts: Mapping[str, Any]) -> str:
    """Return one name for everything that decides how a release behaves: same name, nothing to deploy."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def read(path: Path) -> str:
    """Return the text of a file exactly: settings may have carriage returns in them, which `read_text` would drop."""
    return path.read_bytes().decode()


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's contents, "" when there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def to_prune(ids: list[str], current: str, keep: int, previous: str = "") -> list[str]:
    """Return the releases beyond the newest KEEP, oldest first.

    The one that serves always stays, and the one PREVIOUS to it too: after a rollback it may be the oldest of all.
    """
    rest = [release for release in ids if release not in (current, previous)]
    return rest[: max(0, len(rest) - (keep - 1 - (previous in ids and previous != current)))]
