# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wanted at a path, what stands there, how one takes the other's place, and how a diff shows it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import base64
import grp
import json
import os
import pwd
import re
import stat
import tempfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

HIDDEN = "(contents hidden: not world-readable)\n"
VARIABLE = re.compile(r'^(\w+)=("(?:\\.|[^"\\])*"|[^\n]*)$', re.DOTALL | re.MULTILINE)
HIDDEN_NEW = "(new contents, hidden: not world-readable)\n"


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
        "file": entry.content if public else HIDDEN_NEW.replace(")", f"{_variables(entry, before)})"),
        "link": f"link to {entry.to}\n",
        "directory": "folder\n",
    }
    return header | {"before": old.get(before.kind, ""), "after": new.get(entry.state, "")}


def _variables(entry: Entry, before: Before) -> str:
    """Return the names, never the values, of variables that an environment file has otherwise, as the end of a sentence.

    Only wanted ones are named: what is read as a name in a file with a quote too few may be a part of a secret.
    """
    if before.kind != "file" or not entry.dest.endswith("/environment"):
        return ""
    old, new = (dict(VARIABLE.findall(text)) for text in (before.content.decode(errors="replace"), entry.content))
    names, more = [name for name in new if old.get(name) != new[name]], len(old.keys() - new.keys())
    words = [*names, *[f"{more} more"] * bool(more)]
    return f"; it differs in {', '.join(words)}" if words else ""


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
