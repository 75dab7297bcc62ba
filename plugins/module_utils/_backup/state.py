# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What happened last: one small file each for the run, the drill and the check. What can be restored isn't read from here.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import places
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._host.stored import now, read, time_of, write

__all__ = ["Busy", "Outcome", "alone", "now", "outcome", "read", "time_of", "write"]


class Busy(BackupError):
    """Another process writes to the repositories."""


@dataclass
class Outcome:
    """How a run, a drill or a check (WHAT) ended: `problems` are sentences, and it went well when there are none."""

    what: str
    started: str
    ended: str = ""
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    """What else is known of it: names, numbers and texts, as JSON has them."""

    @property
    def is_good(self) -> bool:
        return not self.problems

    def write(self, folder: Path | None = None) -> None:
        """Keep it as the last of its kind."""
        write((folder or places.STATE) / f"{self.what}.json", asdict(self))


def outcome(what: str, folder: Path | None = None) -> Outcome | None:
    """Return the last WHAT (run, drill, check) that ended, None when there is none that can be read."""
    found = read((folder or places.STATE) / f"{what}.json")
    try:
        return Outcome(**{key: value for key, value in found.items() if key in Outcome.__dataclass_fields__})
    except TypeError:
        return None


@contextmanager
def alone(say: Callable[[str], None] = lambda text: None, wait: bool = True) -> Iterator[None]:
    """Let one process at a time write to the repositories; the kernel ends the lock of one that is killed.

    :param say: called with the name of the process that is waited for.
    :param wait: whether to; else Busy is raised.
    """
    with _locked("lock", "another run is under way", say, wait):
        yield


@contextmanager
def still(app: str, say: Callable[[str], None] = lambda text: None) -> Iterator[None]:
    """Have APP's folders and its database stay one moment's: a backup that reads them and a restore that exchanges them wait
    for each other."""
    with _locked(f"{app}.lock", f"a backup or a restore of {app} is under way", say):
        yield


@contextmanager
def _locked(name: str, busy: str, say: Callable[[str], None], wait: bool = True) -> Iterator[None]:
    places.STATE.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (places.STATE / name).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            told = f"{busy}, since {file.read().strip() or 'a moment ago'}"
            if not wait:
                raise Busy(told) from None
            say(f"{told}: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(now())
        file.flush()
        yield
