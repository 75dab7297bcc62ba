# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A point to go back to before a migration that destroys: a dump of the database, and the command that restores it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from ansible_collections.slipway.flask.plugins.module_utils._database.base import Dialect
from ansible_collections.slipway.flask.plugins.module_utils._database.base import Dump as Tool
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError

FOLDER = Path("/var/backups/slipway")
KEPT = 3
WITHOUT = "or do without a dump (migrations_dump: false)"


class Dump:
    """One dump to be made of the database of a DIALECT at URL. SERVER are the probe's numbers."""

    def __init__(self, context: Context, dialect: Dialect, url: str, server: Mapping[str, int]) -> None:
        self.context, self.dialect, self.server = context, dialect, server
        self.tool = dialect.dump(url)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        self.path = FOLDER / context.paths.app / f"{context.record.id}-{stamp}.dump"

    def check(self) -> None:
        """Refuse a dump that can't be made. Raises ReleaseError."""
        why = "Before a destructive migration, the database is dumped, but"
        if self.tool is None:
            raise ReleaseError(
                f"{why} the app's environment has no {self.dialect.title} URL to do it with: give one, {WITHOUT}"
            )
        if problem := self.tool.problem(self.server):
            raise ReleaseError(f"{why} {problem}, {WITHOUT}")
        # A dump is compressed and has no indexes: in practice it is smaller than the database.
        needed, free = self.server.get("bytes", 0), shutil.disk_usage(existing(FOLDER)).free
        if free < needed:
            raise ReleaseError(
                f"{why} only {free // 2**20} MB are free below {FOLDER} for one of {needed // 2**20} MB: make room, {WITHOUT}"
            )

    def prepare(self) -> list[str]:
        """Make the file, which the app's user alone can write for now, and return the command that fills it."""
        folder = self.path.parent
        FOLDER.mkdir(mode=0o711, parents=True, exist_ok=True)
        folder.mkdir(mode=0o711, exist_ok=True)
        for half in folder.glob("*.part"):
            half.unlink()
        handle = os.open(self.part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            if os.geteuid() == 0:
                os.fchown(handle, self.context.uid, self.context.gid)
        finally:
            os.close(handle)
        return self._tool.command(self.part)

    @property
    def part(self) -> Path:
        return self.path.with_suffix(".part")

    def finish(self, kept: bool) -> list[str]:
        """Take the file over for root, drop older ones, and return the note that tells of it; not KEPT: remove it."""
        if not kept:
            self.part.unlink(missing_ok=True)
            return []
        handle = os.open(self.part, os.O_WRONLY | os.O_NOFOLLOW)
        try:
            if os.geteuid() == 0:
                os.fchown(handle, 0, 0)
            os.fchmod(handle, 0o600)
            os.fsync(handle)
        finally:
            os.close(handle)
        self.part.replace(self.path)
        for old in sorted(self.path.parent.glob("*.dump"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
            old.unlink()
        return [f"the database as it was before is in {self.path}; to bring it back: {self.restore()}"]

    def environment(self) -> dict[str, str]:
        """Return the variables that only the command which dumps gets."""
        return self._tool.environment()

    def restore(self) -> str:
        """Return the command, for root on the host, that puts the database back as it was."""
        return self._tool.restore(self.path, self.context.request.user)

    @property
    def _tool(self) -> Tool:
        return cast(Tool, self.tool)  # `check` has refused a dump without one


def existing(path: Path) -> Path:
    """Return PATH or the nearest folder above it that exists."""
    return path if path.exists() else existing(path.parent)
