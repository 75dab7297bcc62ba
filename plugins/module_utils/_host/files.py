# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Bring many files, folders and links to a wanted state at once, or leave all of them as they were.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import base64
import fnmatch
import grp
import json
import os
import pwd
import stat
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

HIDDEN = "(contents hidden: not readable by everybody)\n"
HIDDEN_NEW = "(new contents, hidden: not readable by everybody)\n"


class FilesError(RuntimeError):
    """A file can't be brought to its state; the message is for the user."""


def pack(entries: Iterable[dict[str, object]]) -> str:
    """Return ENTRIES as one short text that shows none of their contents in a log."""
    return base64.b64encode(zlib.compress(json.dumps(list(entries)).encode())).decode()


def unpack(payload: str) -> list[dict[str, str]]:
    """Return the entries that `pack` packed."""
    entries: list[dict[str, str]] = json.loads(zlib.decompress(base64.b64decode(payload)))
    return entries


@dataclass
class Entry:
    """One wanted file, folder, link or absence. MODE is octal text; contents are UTF-8."""

    dest: str
    state: str = "file"
    content: str = ""
    mode: str = ""
    owner: str = "root"
    group: str = "root"
    to: str = ""

    @property
    def bits(self) -> int:
        return int(self.mode or ("0755" if self.state == "directory" else "0644"), 8)

    @property
    def uid(self) -> int:
        try:
            return pwd.getpwnam(self.owner).pw_uid
        except KeyError:
            raise FilesError(f"{self.dest}: there is no user '{self.owner}' on the host") from None

    @property
    def gid(self) -> int:
        try:
            return grp.getgrnam(self.group).gr_gid
        except KeyError:
            raise FilesError(f"{self.dest}: there is no group '{self.group}' on the host") from None

    def attributes_differ(self, found: os.stat_result) -> bool:
        return stat.S_IMODE(found.st_mode) != self.bits or (found.st_uid, found.st_gid) != (self.uid, self.gid)


@dataclass
class Before:
    """What stood at a path before it was changed; enough to put it back."""

    path: Path
    kind: str  # absent, file, link, directory
    content: bytes = b""
    status: os.stat_result | None = None
    target: str = ""

    @classmethod
    def of(cls, path: Path) -> Before:
        """Read what stands at PATH. Raises FilesError for devices, sockets and pipes."""
        try:
            status = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return cls(path, "absent")
        if stat.S_ISLNK(status.st_mode):
            return cls(path, "link", target=str(path.readlink()))
        if stat.S_ISDIR(status.st_mode):
            return cls(path, "directory", status=status)
        if stat.S_ISREG(status.st_mode):
            return cls(path, "file", path.read_bytes(), status)
        raise FilesError(f"{path} is neither a file, a folder nor a link: move it away")

    def restore(self) -> None:
        """Put back what stood there."""
        if self.kind == "directory":
            if self.status:
                os.chown(self.path, self.status.st_uid, self.status.st_gid)
                self.path.chmod(stat.S_IMODE(self.status.st_mode))
            return
        if self.kind == "absent":
            if self.path.is_dir() and not self.path.is_symlink():
                self.path.rmdir()
            else:
                self.path.unlink(missing_ok=True)
        elif self.kind == "link":
            link(self.path, self.target)
        elif self.status:
            write(self.path, self.content, self.status.st_mode & 0o7777, self.status.st_uid, self.status.st_gid)


def write(path: Path, content: bytes, bits: int, uid: int, gid: int) -> None:
    """Replace PATH atomically by a file with CONTENT, permission BITS and owner; nobody sees a half-written one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as temporary:
            temporary.write(content)
            os.fchown(temporary.fileno(), uid, gid)
            os.fchmod(temporary.fileno(), bits)
            temporary.flush()
            os.fsync(temporary.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def link(path: Path, target: str) -> None:
    """Make PATH a symbolic link to TARGET, replacing a file or link atomically."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(path)


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
                f"`{' '.join(command)}` refused the new files, so the old ones are back.{left} It said:\n{said}"
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
            raise FilesError(f"{path} is no file: move it away")
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
            raise FilesError(f"{path} is a folder, a file is wanted: move it away")
        if self._same(entry, before, "file") and before.content == wanted:
            return None
        return lambda: write(path, wanted, entry.bits, entry.uid, entry.gid)

    def _directory(self, entry: Entry, path: Path, before: Before) -> Callable[[], None] | None:
        if before.kind not in ("absent", "directory"):
            raise FilesError(f"{path} is a {before.kind}, a folder is wanted: move it away")
        if self._same(entry, before, "directory"):
            return None

        def make() -> None:
            path.mkdir(exist_ok=True)
            os.chown(path, entry.uid, entry.gid)
            path.chmod(entry.bits)

        return make

    def _link(self, entry: Entry, path: Path, before: Before) -> Callable[[], None] | None:
        if before.kind == "directory":
            raise FilesError(f"{path} is a folder, a link is wanted: move it away")
        if before.kind == "link" and before.target == entry.to:
            return None
        return lambda: link(path, entry.to)

    def _absent(self, entry: Entry, path: Path, before: Before) -> Callable[[], None] | None:
        if before.kind == "directory":
            raise FilesError(f"{path} is a folder: only files and links are removed")
        return None if before.kind == "absent" else path.unlink

    def _same(self, entry: Entry, before: Before, kind: str) -> bool:
        return before.kind == kind and before.status is not None and not self._differs(entry, before.status)


def describe(entry: Entry, before: Before) -> dict[str, str]:
    """Return the diff of one entry in Ansible's form; contents only if everybody may read the file."""
    header = {"before_header": entry.dest, "after_header": entry.dest}
    same = entry.state == "directory" or before.content == entry.content.encode()
    if before.status is not None and before.kind == entry.state and same:
        return header | {
            "before": attributes(before.status),
            "after": f"{entry.bits:04o} {entry.owner}:{entry.group}\n",
        }
    was_public = before.status is None or before.status.st_mode & 0o004
    public = was_public and (entry.state != "file" or entry.bits & 0o004)
    old = {
        "file": before.content.decode(errors="replace") if public else HIDDEN,
        "link": f"link to {before.target}\n",
        "directory": "folder\n",
    }
    new = {
        "file": entry.content if public else HIDDEN_NEW,
        "link": f"link to {entry.to}\n",
        "directory": "folder\n",
    }
    return header | {"before": old.get(before.kind, ""), "after": new.get(entry.state, "")}


def attributes(status: os.stat_result) -> str:
    """Return permission bits and owner of a file as a diff shows them; a number where the owner has no name."""
    try:
        owner = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        owner = str(status.st_uid)
    try:
        group = grp.getgrgid(status.st_gid).gr_name
    except KeyError:
        group = str(status.st_gid)
    return f"{stat.S_IMODE(status.st_mode):04o} {owner}:{group}\n"
