# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The releases of an app on a host: their folders and their records.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from ansible_collections.slipway.flask.plugins.module_utils._app.places import ID as ID
from ansible_collections.slipway.flask.plugins.module_utils._app.places import Places
from ansible_collections.slipway.flask.plugins.module_utils._app.places import ReleaseError as ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._app.places import number as number
from ansible_collections.slipway.flask.plugins.module_utils._source.revision import short

Ended = Literal[
    "unfinished",
    "deployed",
    "rolled back",
    "restored",
    "imported",
    "failed",
    "rollback failed",
    "restore failed",
    "import failed",
    "killed",
]
"""How a run ended, as release.json, history.jsonl and the journal say it."""
SWITCHED: tuple[Ended, ...] = ("deployed", "rolled back", "restored", "imported")
"""After these, the release served."""
FAILED: tuple[Ended, ...] = ("failed", "rollback failed", "restore failed", "import failed")
"""The run was given up; nobody could say so of one that was killed."""

LOCK = "requirements.lock"
"""What the lock of a release's packages is called, beside its record."""


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
    outcome: Ended = "unfinished"
    stage: str = ""
    message: str = ""
    previous: str = ""
    notes: list[str] = field(default_factory=list)
    what: Literal["deploy", "rollback", "restore", "import"] = "deploy"
    connections: list[dict[str, Any]] = field(default_factory=list)
    """What the release may open at each database server (connections.py)."""
    vulnerable: list[str] = field(default_factory=list)
    """Its known vulnerabilities when it was deployed, each `flask 2.2.2: CVE-2023-30861 (high)`; those allowed, too."""
    restore_point: str = ""
    """The one that was made before the release migrated, "" for none."""
    lock: str = ""
    """Name of the lock of its packages (_python/locked.py), which is `requirements.lock` beside the record."""
    promoted: str = ""
    """Where the release comes from if it was promoted: `staging, release 0007-1a2b3c4 of shop on vps2`."""
    made_of: dict[str, Any] = field(default_factory=dict)
    """What another app must have alike to be given this release: `subfolder`, `whole`, `kind` of the source, `database`."""
    fleet: str = ""
    """The run over several hosts that it was part of, which has that name on all of them; "" for one of this host alone."""

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


class Paths(Places):
    """Where everything of one app is on the host, and the records of its releases."""

    def record(self, release: str) -> Record | None:
        return Record.read(self.release(release) / "release.json")


def next_id(known: Iterable[str], revision: str) -> str:
    """Return the id of the release after all that are KNOWN."""
    # It is part of paths that may have at most 107 characters (unix(7)).
    name = re.sub(r"[^0-9a-z]+", ".", short(revision).lower())[:16].strip(".")
    return f"{max(map(number, known), default=0) + 1:04d}-{name}"


def fingerprint_of(parts: Mapping[str, Any]) -> str:
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
