# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is removed of an app, written down before the first change: what a killed run has left is found again by it.

It stays as a note of what was removed when and by whom, by which `site.yml` knows that an app of its list was removed.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from ansible_collections.slipway.flask.plugins.module_utils._app.left import REMOVE
from ansible_collections.slipway.flask.plugins.module_utils._host import going

FOLDER = going.FOLDER
"""For root alone: `<app>.json`, in one line, which a shell script reads as well (plugin_utils/_preflight/host.py)."""

Step = Literal["begun", "stopped", "exported", "gone"]
"""`begun`: the site is going. `stopped`: nothing of the app runs, all of its data is there. `exported`: and has been exported.
`gone`: over."""


@dataclass(frozen=True)
class Account:
    """A system user that was made for the app or for a service of its own."""

    name: str
    uid: int
    gid: int


@dataclass
class Journal:
    """The removal of one app."""

    app: str
    by: str = ""
    begun: str = ""
    """When, in UTC, as 2026-11-26 14:05."""
    step: Step = "begun"
    folders: list[str] = field(default_factory=list)
    """All that is removed with what is in it."""
    shared: list[str] = field(default_factory=list)
    """Those of them with data of the app's, which are exported."""
    cluster: str = ""
    """Such as `17/main`; "" without a database in it."""
    databases: list[str] = field(default_factory=list)
    mariadb: list[str] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """Files elsewhere for whose sake an account is kept."""

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.app}.json"

    @property
    def under_way(self) -> bool:
        """Whether it has begun and not ended."""
        return bool(self.begun) and self.step != "gone"

    def at(self, step: Step) -> None:
        """Be at STEP from here on, whatever happens."""
        self.step = step
        self.write()

    def merge(self, other: Journal) -> None:
        """Take in what a run before this one, OTHER, has found: some of it may be gone by now."""
        for name in ("folders", "shared", "databases", "mariadb", "accounts"):
            mine: list[Any] = getattr(self, name)
            mine += [one for one in getattr(other, name) if one not in mine]
        self.begun, self.by, self.step = other.begun, other.by, other.step
        self.cluster = self.cluster or other.cluster

    def write(self) -> None:
        """Have it on disk, whole or not at all."""
        FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = self.path.with_name(f".{self.app}.new")
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(json.dumps(asdict(self)) + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)


def of(found: Mapping[str, Any]) -> Journal:
    """Return the journal that FOUND describes; keys that are not known are left out."""
    known = {one.name for one in fields(Journal)}
    told = {name: value for name, value in found.items() if name in known}
    return Journal(**{**told, "accounts": [Account(**one) for one in found.get("accounts", [])]})


def read(app: str) -> Journal | None:
    """Return the journal of the removal of APP, None when there is none."""
    return _read(FOLDER / f"{app}.json")


def all_of() -> Iterable[Journal]:
    """Yield the journals of all removals on this host, by the app's name."""
    for path in sorted(FOLDER.glob("*.json")):
        if found := _read(path):
            yield found


def said() -> list[str]:
    """Return what is to be told of removals: one that was killed, and users who are kept for the sake of their files."""
    found = []
    for one in all_of():
        if one.under_way:
            found.append(f"{one.app}: {killed(one)}")
        elif one.left:
            numbers = ", ".join(str(account.uid) for account in one.accounts)
            found.append(
                f"the removed app '{one.app}' left files of its users ({numbers}): {', '.join(one.left)}. Remove them or give "
                f"them to somebody, then run `{REMOVE.format(one.app)}` again"
            )
    return found


def killed(one: Journal) -> str:
    """Return what is said of a removal that has not finished."""
    who = one.by or "somebody"
    return f"its removal, begun {one.begun} UTC by {who}, has not finished: `{REMOVE.format(one.app)}` continues it"


def over(app: str) -> str:
    """Return what is said of an APP of the list that was removed from this host, "" of another one."""
    found = read(app)
    return gone(found) if found and found.step == "gone" else ""


def gone(one: Journal) -> str:
    """Return what is said of an app of the list whose removal is over."""
    return (
        f"it was removed from this host {one.begun} UTC by {one.by or 'somebody'}, with its data. Take it out of "
        f"slipway_apps, or set it up again, with an empty database: site.yml -e anew={one.app}"
    )


def _read(path: Path) -> Journal | None:
    try:
        return of(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def now() -> str:
    """Return the time as the journal has it."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M")
