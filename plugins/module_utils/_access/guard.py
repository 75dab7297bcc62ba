# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Arms the host's guard: what is about to change is saved, and a timer undoes it unless a new login confirms it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._access import guard_program
from ansible_collections.slipway.flask.plugins.module_utils._access.guard_program import BALLAST, FOLDER
from ansible_collections.slipway.flask.plugins.module_utils._access.guard_unit import (
    AGAIN_SECONDS,
    PROGRAM,
    RESTARTED,
    UNIT,
    WANTED_BY,
    timer_command,
    unit_text,
)
from ansible_collections.slipway.flask.plugins.module_utils._host.file_state import write

BALLAST_BYTES = 1 << 20


class GuardError(RuntimeError):
    """The guard can't be armed, so nothing may be changed; the message is for the user."""


@dataclass
class Plan:
    """What a change will touch: PATHS, and the commands that undo and complete it.

    :param kept: files for the commands alone, name to text; `{kept}` in a command is their folder.
    :param undo: run, each whatever the others say, after the files are back.
    :param boot: the same, instead of UNDO, when the host was restarted meanwhile: before the network and any service.
    :param confirmed: what can't be undone, so it is done when the change is confirmed.
    """

    token: str
    seconds: int
    paths: Sequence[str]
    kept: Mapping[str, str] = field(default_factory=dict)
    undo: Sequence[Sequence[str]] = ()
    boot: Sequence[Sequence[str]] = ()
    confirmed: Sequence[Sequence[str]] = ()


def install(program: str, paths: Iterable[str] = ()) -> None:
    """Bring the PROGRAM's text and its unit, which can put back PATHS, to the host; what is as it should be stays untouched."""
    for path, text, mode in ((PROGRAM, program, 0o755), (UNIT, unit_text(paths), 0o644)):
        if not path.is_file() or path.read_text() != text or stat.S_IMODE(path.stat().st_mode) != mode:
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, text.encode(), mode, 0, 0)
            if path == UNIT:
                _do(["systemctl", "daemon-reload"])
    if not WANTED_BY.is_symlink():
        WANTED_BY.parent.mkdir(exist_ok=True)
        WANTED_BY.symlink_to(UNIT)


def make_folder(folder: Path = FOLDER) -> None:
    """Make the guard's FOLDER, root's alone.

    :raises GuardError: where somebody else could get in.
    """
    folder.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    for path in (folder.parent, folder):
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise GuardError(f"{path} must be a folder that only root can write to: correct that first")
    folder.chmod(0o700)


def waiting(folder: Path = FOLDER) -> list[Path]:
    """Return the changes that wait for their confirmation."""
    return guard_program.armed(folder)


def arm(plan: Plan, folder: Path = FOLDER) -> None:
    """Save what PLAN is about to change, and start the clock. Nothing is changed here.

    :raises GuardError: when anything of it fails; then nothing is armed.
    """
    half, change = folder / f".half-{plan.token}", folder / plan.token
    shutil.rmtree(half, ignore_errors=True)
    try:
        half.mkdir(mode=0o700)
        files = [_save(path, half / str(number)) for number, path in enumerate(dict.fromkeys(plan.paths))]
        for name, text in plan.kept.items():
            (half / name).write_text(text)
        with (half / BALLAST).open("wb") as room:
            os.posix_fallocate(room.fileno(), 0, BALLAST_BYTES)
        written = {
            "token": plan.token,
            "made": int(time.time()),
            "until": int(time.time()) + plan.seconds,
            "files": files,
            "again": timer_command(plan.token, AGAIN_SECONDS, RESTARTED, plan.paths),
            **{name: _filled(getattr(plan, name), change) for name in ("undo", "boot", "confirmed")},
        }
        with (half / "plan.json").open("w") as file:
            json.dump(written, file)
            file.flush()
            os.fsync(file.fileno())
        os.sync()
        half.rename(change)
        _start_timer(plan)
    except (OSError, GuardError) as error:
        shutil.rmtree(change, ignore_errors=True)
        raise GuardError(
            f"The guard that would undo the change can't be armed, so nothing was changed: {error}"
        ) from error
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _filled(commands: Sequence[Sequence[str]], change: Path) -> list[list[str]]:
    return [[word.replace("{kept}", str(change)) for word in argv] for argv in commands]


def _save(path: str, copy: Path) -> dict[str, Any]:
    """Return what the guard needs to put PATH back; its contents are in COPY.

    A person who has spoilt their own folder can't keep the rest from being saved: to the guard, nothing is there.
    """
    try:
        with contextlib.suppress(FileNotFoundError), guard_program.parent_of(path) as (parent, name):
            if stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                return {"path": path, "kind": "link", "target": os.readlink(name, dir_fd=parent)}
        found = guard_program.read(path)
    except OSError:
        if not guard_program.foreign(path):
            raise
        found = None
    if found is None:
        return {"path": path, "kind": "absent"}
    content, status = found
    copy.write_bytes(content)
    with copy.open("rb") as file:
        os.fsync(file.fileno())
    return {
        "path": path, "kind": "file", "as": copy.name, "mode": stat.S_IMODE(status.st_mode),
        "uid": status.st_uid, "gid": status.st_gid,
    }  # fmt: skip


def _start_timer(plan: Plan) -> None:
    """Let systemd undo the change PLAN when its time is over; it tries again as long as files could not be written."""
    _do(timer_command(plan.token, plan.seconds, f"no new login has confirmed it within {plan.seconds} s", plan.paths))


def undo(token: str, why: str) -> str:
    """Undo the change TOKEN now; return what could not be put back, "" for nothing."""
    return _said([str(PROGRAM), "undo", token, "--why", why])


def _do(argv: Sequence[str]) -> None:
    if wrong := _said(argv):
        raise GuardError(wrong)


def _said(argv: Sequence[str]) -> str:
    """Run ARGV; return what it says when it fails."""
    done = subprocess.run(list(argv), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    said = (done.stderr or done.stdout).strip()[-1000:]
    return f"`{argv[0]}`: {said or f'exit status {done.returncode}'}" if done.returncode else ""
