# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Folders of an app that go: no link of the app's leads the removal out of them, and no mount is entered.

rm(1) removes what is in a folder: it goes by open folders, whatever is put in its way, and knows trees of any depth;
shutil.rmtree would end at a depth of some hundred folders and goes into mounts.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._remove.error import RemoveError

MOUNTS = Path("/proc/self/mountinfo")
DU_SECONDS = 60
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
LINKS = 16
"""Links on the way to a folder, as many as anybody has; a circle has more."""


def mounts_below(folder: str, mounts: Path = MOUNTS) -> list[str]:
    """Return the mount points that are FOLDER or in it; what FOLDER itself leads to as a link is not in it."""
    real = os.path.join(os.path.realpath(os.path.dirname(folder)), os.path.basename(folder))
    points = {_decoded(line.split()[4]) for line in mounts.read_text().splitlines()}
    return sorted(point for point in points if point == real or point.startswith(f"{real}/"))


def _decoded(field: str) -> str:
    """Return a path of mountinfo, which has blanks and the like in octal (proc(5))."""
    for code in ("040", "011", "012", "134"):
        field = field.replace(f"\\{code}", chr(int(code, 8)))
    return field


def size(path: str) -> int | None:
    """Return the bytes on the disk of PATH and what is in it, None when that is not known."""
    try:
        done = subprocess.run(
            ["du", "-sx", "--block-size=1", "--", path],
            capture_output=True, text=True, check=False, timeout=DU_SECONDS,
        )  # fmt: skip
        return int(done.stdout.split()[0])
    except (subprocess.TimeoutExpired, OSError, IndexError, ValueError):
        return None


def parent(path: str, trusted: Callable[[os.stat_result], bool] | None = None) -> tuple[int, str]:
    """Open the folder that PATH is in and return it with PATH's last part. Raises FileNotFoundError when it isn't there.

    Links on the way are followed where only root can have laid them: they are root's, in a folder of root's that nobody else
    may write (`/srv` on another disk). Any other link raises RemoveError: the app may own a folder on the way.
    """
    trusted = trusted or roots
    folders, name = _parts(os.path.dirname(os.path.normpath(path))), os.path.basename(os.path.normpath(path))
    handle, links = os.open("/", FOLDER), 0
    try:
        while folders:
            step = folders.pop(0)
            about = os.stat(step, dir_fd=handle, follow_symlinks=False)
            if not stat.S_ISLNK(about.st_mode):
                handle = _into(handle, step)
                continue
            links += 1
            if links > LINKS or not (trusted(os.fstat(handle)) and trusted(about)):
                raise RemoveError(f"{path} is not removed: {step} in its path is a link that the app may have created")
            led = os.readlink(step, dir_fd=handle)
            if led.startswith("/"):
                os.close(handle)
                handle = os.open("/", FOLDER)
            folders = _parts(led) + folders
        return handle, name
    except BaseException:
        os.close(handle)
        raise


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _into(handle: int, step: str) -> int:
    """Open the folder STEP of the open folder HANDLE, in place of which it is held from then on."""
    inner = os.open(step, FOLDER, dir_fd=handle)
    os.close(handle)
    return inner


def roots(about: os.stat_result) -> bool:
    """Tell whether a folder or a link is root's, and a folder nobody else's to write."""
    return about.st_uid == 0 and (stat.S_ISLNK(about.st_mode) or not about.st_mode & 0o022)


def kind(path: str) -> str:
    """Return what PATH is: `folder`, `link`, `file`, or "" for nothing. Raises RemoveError as `parent` does."""
    try:
        handle, name = parent(path)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    try:
        mode = os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return ""
    finally:
        os.close(handle)
    return "folder" if stat.S_ISDIR(mode) else "link" if stat.S_ISLNK(mode) else "file"


def remove(path: str) -> bool:
    """Remove PATH and all that is in it; tell whether there was something. A link goes, what it leads to stays.

    :raises RemoveError: for a way to it that can't be trusted, and when something is left.
    """
    try:
        handle, name = parent(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        try:
            os.stat(name, dir_fd=handle, follow_symlinks=False)
        except FileNotFoundError:
            return False
        done = subprocess.run(
            ["rm", "-rf", "--one-file-system", "--", f"./{name}"],
            cwd=f"/proc/self/fd/{handle}", pass_fds=(handle,), capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["rm gave no reason"]
            raise RemoveError(f"{path} could not be removed: {said[-1][:300]}")
        return True
    finally:
        os.close(handle)


def unlink(paths: Iterable[Path]) -> list[str]:
    """Remove files and links of root's folders; return those that were there."""
    gone = []
    for path in paths:
        with suppress(FileNotFoundError):
            path.unlink()
            gone.append(str(path))
    return gone
