# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Bring many files, folders and links to a wanted state at once, or leave all of them as they were.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import fnmatch
import os
import stat
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host.file_state import (
    Before,
    Entry,
    FilesError,
    attributes,
    describe,
    link,
    write,
)


class FileSet:
    """A transaction over several paths: `apply`, then `validate`; `rollback` puts everything back."""

    def __init__(self, check: bool = False) -> None:
        self.check = check
        self.changed: list[str] = []
        self.diffs: list[dict[str, str]] = []
        self._undo: list[Before] = []

    def apply(self, entries: Iterable[Entry]) -> None:
        """Bring every entry to its state, in order. Raises FilesError after putting everything back."""
        for entry in entries:
            self._apply(entry)

    def prune(self, folder: str, pattern: str, keep: set[str]) -> None:
        """Remove the files in FOLDER that match the shell PATTERN and are not in KEEP; fails as `apply` does."""
        kept = {Path(path) for path in keep}
        for path in sorted(Path(folder).glob("*")) if Path(folder).is_dir() else []:
            if fnmatch.fnmatch(path.name, pattern) and path not in kept and not path.is_dir():
                self._apply(Entry(str(path), state="absent"))

    def validate(self, command: Sequence[str]) -> None:
        """Run COMMAND when something changed; when it fails put everything back and raise FilesError."""
        if not command or not self.changed or self.check:
            return
        try:
            done = subprocess.run(list(command), capture_output=True, text=True, errors="replace", check=False)
        except OSError as error:
            raise FilesError(f"`{' '.join(command)}` can't be run: {error.strerror}{self.rollback()}") from error
        if done.returncode:
            left = self.rollback()
            said = (done.stderr.strip() or done.stdout.strip())[-3000:]
            raise FilesError(
                f"`{' '.join(command)}` rejected the new files, so the old ones were restored.{left} It said:\n{said}"
            )

    def rollback(self) -> str:
        """Put back all that was changed, last change first; return what could not be put back, for the user."""
        left = []
        while self._undo:
            before = self._undo.pop()
            try:
                before.restore()
            except OSError as error:
                left.append(f"{before.path}: {error.strerror}")
        self.changed.clear()
        return f" (but not all: {'; '.join(left)})" if left else ""

    def _apply(self, entry: Entry) -> None:
        """Bring one entry to its state. Raises FilesError after putting everything back."""
        try:
            self._change(entry)
        except OSError as error:
            raise FilesError(f"{entry.dest}: {error.strerror}{self.rollback()}") from error
        except FilesError as error:
            raise FilesError(f"{error}{self.rollback()}") from None

    def _change(self, entry: Entry) -> None:
        if entry.state == "present":
            self._present(entry, Path(entry.dest))
            return
        path, before = Path(entry.dest), Before.of(Path(entry.dest))
        if entry.state == "directory" and before.kind == "link" and path.is_dir():
            before = Before.of(path.resolve())
        act = {"file": self._file, "directory": self._directory, "link": self._link, "absent": self._absent}[
            entry.state
        ]
        action = act(entry, path, before)
        if action is None:
            return
        self.changed.append(entry.dest)
        self.diffs.append(describe(entry, before))
        if not self.check:
            self._undo.append(before)
            action()

    def _present(self, entry: Entry, path: Path) -> None:
        """Make a file that others write, or give it its owner and bits; what is in it is neither read nor put back."""
        found = path.lstat() if os.path.lexists(path) else None
        if found and not stat.S_ISREG(found.st_mode):
            raise FilesError(f"{path} is not a regular file: move it away")
        if found and not self._differs(entry, found):
            return
        self.changed.append(entry.dest)
        was = attributes(found) if found else ""
        after = f"{entry.bits:04o} {entry.owner}:{entry.group}\n"
        header = {"before_header": entry.dest, "after_header": entry.dest}
        self.diffs.append({**header, "before": was, "after": after})
        if self.check:
            return
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            os.fchown(handle, entry.uid, entry.gid)
            os.fchmod(handle, entry.bits)
        finally:
            os.close(handle)

    def _differs(self, entry: Entry, found: os.stat_result) -> bool:
        try:
            return entry.attributes_differ(found)
        except FilesError:
            if self.check:  # the user is made by a step that was only pretended
                return True
            raise

    def _file(self, entry: Entry, path: Path, before: Before) -> Callable[[], None] | None:
        wanted = entry.content.encode()
        if before.kind == "directory":
            raise FilesError(f"{path} is a folder, but must be a file: move it away")
        if self._same(entry, before, "file") and before.content == wanted:
            return None
        return lambda: write(path, wanted, entry.bits, entry.uid, entry.gid)

    def _directory(self, entry: Entry, path: Path, before: Before) -> Callable[[], None] | None:
        if before.kind not in ("absent", "directory"):
            raise FilesError(f"{path} is a {before.kind}, but must be a folder: move it away")
        if self._same(entry, before, "directory"):
            return None

        def make() -> None:
            path.mkdir(exist_ok=True)
            os.chown(path, entry.uid, entry.gid)
            path.chmod(entry.bits)

        return make

    def _link(self, entry: Entry, path: Path, before: Before) -> Callable[[], None] | None:
        if before.kind == "directory":
            raise FilesError(f"{path} is a folder, but must be a link: move it away")
        if before.kind == "link" and before.target == entry.to:
            return None
        return lambda: link(path, entry.to)

    def _absent(self, entry: Entry, path: Path, before: Before) -> Callable[[], None] | None:
        if before.kind == "directory":
            raise FilesError(f"{path} is a folder: only files and links are removed")
        return None if before.kind == "absent" else path.unlink

    def _same(self, entry: Entry, before: Before, kind: str) -> bool:
        return before.kind == kind and before.status is not None and not self._differs(entry, before.status)
