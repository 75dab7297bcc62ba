# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where everything of one app is on the host, and how a release of it fails.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file

ID = re.compile(r"(\d{4,})-[0-9a-z]+(\.[0-9a-z]+)*")
"""A release's id: a number that only grows (a clock may jump backwards), and the short revision."""


class ReleaseError(RuntimeError):
    """A release can't go on; the message is for the user, STAGE is where it stopped.

    HOLDER is the process on a controller that stands in the way, as far as one is known.
    """

    def __init__(self, message: str, stage: str = "", holder: str = "") -> None:
        super().__init__(message)
        self.stage, self.holder = stage, holder


@dataclass(frozen=True)
class Places:
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
        """Return the folder with RELEASE's own copy of the settings."""
        return self.settings / "releases" / release

    def environment_file(self, release: str) -> Path:
        """Return RELEASE's own environment file, which all of its processes and commands have in common."""
        return self.settings_of(release) / environment_file.NAME

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
