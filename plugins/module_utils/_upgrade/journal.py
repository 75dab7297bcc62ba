# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How far an upgrade of the host's PostgreSQL has come, in one file: what was killed is found by it and gone on with.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path

FOLDER = Path("/var/lib/slipway/upgrade")
"""Root's alone: a dump may be in it."""
STEPS = ("backup", "workers", "close", "convert", "settle", "start", "open", "analyse", "done")
"""Before `open`, visitors have written nothing to the new cluster. `done` stays until the old cluster is forgotten. Beside
them are `back`, while the old one is being put in place again, and `gone back`, when it is."""
BACK, GONE_BACK = "back", "gone back"
FINAL = ("done", GONE_BACK)


def now() -> str:
    """Return the time as 2026-11-26T14:05:00Z."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Journal:
    """One upgrade from the cluster OLD (`15/main`) to NEW (`17/main`), which takes over its PORT."""

    old: str
    new: str
    port: int
    by: str = ""
    step: str = STEPS[0]
    began: str = field(default_factory=now)
    ended: str = ""
    sites: list[str] = field(default_factory=list)
    """Those that it closed, and so opens."""
    units: list[str] = field(default_factory=list)
    """Those that it stopped, and so starts: workers and timers as well as what answers visitors."""
    collations: list[str] = field(default_factory=list)
    """Databases whose text sorts otherwise on this operating system than on the one that their indexes were made on."""
    dump: str = ""
    closed_at: float = 0.0
    """When the sites were closed, as seconds of Unix."""
    closed_seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return self.step in FINAL

    @property
    def idle(self) -> str:
        """The cluster that does not serve, of an upgrade that is over."""
        return self.old if self.step == "done" else self.new

    def write(self, step: str = "") -> None:
        """Keep it, at STEP if that is said."""
        self.step = step or self.step
        FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = path().with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(self), file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path())


def path() -> Path:
    return FOLDER / "database.json"


def read() -> Journal | None:
    """Return what the host has of an upgrade, None for nothing."""
    try:
        return Journal(**json.loads(path().read_text()))
    except FileNotFoundError:
        return None


def said() -> list[str]:
    """Return a sentence about an upgrade that broke off: sites may be closed for it."""
    try:
        begun = read()
    except (OSError, ValueError, TypeError):
        return []
    if begun is None or begun.is_over:
        return []
    return [
        f"the upgrade of PostgreSQL {begun.old} to {begun.new} stopped at the step '{begun.step}', or is under way: "
        "playbooks/upgrade_database.yml -e yes=true continues it"
    ]
