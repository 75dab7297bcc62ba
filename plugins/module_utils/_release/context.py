# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What every stage of one release shares: its settings, its place on the host, and how its commands run.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file
from ansible_collections.slipway.flask.plugins.module_utils._process import members
from ansible_collections.slipway.flask.plugins.module_utils._process.base import Process
from ansible_collections.slipway.flask.plugins.module_utils._release.commands import Commands
from ansible_collections.slipway.flask.plugins.module_utils._release.once import Once
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError


@dataclass
class Context(Commands):
    """One release of one app under way. UID and GID are the app's."""

    uid: int = 0
    gid: int = 0
    notes: list[str] = field(default_factory=list)
    tell: Callable[[str], None] = lambda text: None
    """Shows what a stage that takes long is at."""

    @property
    def processes(self) -> tuple[Process, ...]:
        """What the app is made of, in the order of its start."""
        return members.processes_of(self)

    def save(self) -> None:
        """Write the record to its place."""
        self.record.write(self.here / "release.json")

    def wanted(self, name: str) -> Path:
        """Return where the wanted settings' file NAME is, of which each release gets a copy."""
        return self.paths.settings / name

    def folder(self, path: Path, uid: int, bits: int) -> None:
        """Make a folder, or give it its owner and permission bits. Raises ReleaseError for a link.

        A link that the app has put in a folder of its own must not lead root to somebody else's: below such a folder
        all is done with the app's rights.
        """
        with self.as_app() if self.is_apps(path) else nullcontext():
            try:
                path.mkdir(parents=True, exist_ok=True)
                handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            except PermissionError as error:
                raise ReleaseError(f"{path} can't be created: {error.strerror}") from None
            except OSError:
                raise ReleaseError(f"{path} is not a folder, or is a link to one: move it away") from None
            try:
                found = os.fstat(handle)
                if (found.st_uid, found.st_gid) != (uid, self.gid):
                    os.fchown(handle, uid, self.gid)
                if stat.S_IMODE(found.st_mode) != bits:
                    os.fchmod(handle, bits)
            except PermissionError:
                raise ReleaseError(f"{path} belongs to another user than the app's: move it away") from None
            finally:
                os.close(handle)

    def is_apps(self, path: Path) -> bool:
        """Tell whether the app owns a folder on the way to PATH, and so could lead it elsewhere."""
        for parent in path.parents:
            with suppress(OSError):
                if self.uid and parent.stat().st_uid == self.uid:
                    return True
        return False

    def write(self, path: Path, content: str | bytes, uid: int, gid: int, bits: int) -> None:
        """Replace PATH by a file with CONTENT, owner and permission bits."""
        temporary = path.with_name(f".{path.name}.new")
        temporary.unlink(missing_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
            if (os.geteuid(), os.getegid()) != (uid, gid):
                os.fchown(file.fileno(), uid, gid)
            os.fchmod(file.fileno(), bits)
        temporary.replace(path)

    def file_databases(self, release: str) -> list[str]:
        """Return the kinds of databases in files that the environment of RELEASE names."""
        from ansible_collections.slipway.flask.plugins.module_utils._database import known

        text = self.paths.environment_file(release).read_text()
        dialects = map(known.of, environment_file.environment_of(text).values())
        return [dialect.title for dialect in dialects if dialect.is_file]

    def hint(self, text: str, of_page: bool = False) -> str:
        """Return what to do about a failure, "" for no idea."""
        from ansible_collections.slipway.flask.plugins.module_utils._python import hints

        return hints.of_page(text) if of_page else hints.hint(text)

    def shared(self, name: str) -> Path:
        """Return where a shared folder is for this release; a plan has a stand-in for one that it would have to change."""
        there = self.paths.shared / name
        written = any(Path(name) in Path(path).parents for path in self.request.files)
        return self.planned / name if self.request.plan and (written or not there.exists()) else there

    def once(self) -> Once:
        """Return what is known of the app's commands that run but once."""
        return Once(self.paths.root / "once.json", lambda path, text: self.write(path, text, 0, 0, 0o600))

    @contextmanager
    def as_app(self) -> Iterator[None]:
        """Touch files with the app's rights, where the app could have laid a link for root to follow."""
        if os.geteuid():
            yield
            return
        groups, group = os.getgroups(), os.getegid()
        os.setgroups([])  # of root's own groups, too
        os.setegid(self.gid)
        os.seteuid(self.uid)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(group)
            os.setgroups(groups)
