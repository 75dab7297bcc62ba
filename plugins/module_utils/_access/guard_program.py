# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""slipway-guard: undoes a change to the ways into this host unless a new login confirms it in time.

    slipway-guard status            what waits for its confirmation, and how the last change ended
    slipway-guard confirm TOKEN     keep the change: somebody has logged in over the new way
    slipway-guard undo [TOKEN]      put everything back now (a timer does it, and the host when it boots)
    slipway-guard end NAME          end all processes of a person's account

Written by Ansible (slipway.flask.host_access). It stands alone, so that it works on a host that has lost everything else.
Only root can run it: its folder is root's. Exit status: 0 done; 1 it can't work; 3 too late to confirm, the change is undone;
4 there is no such change; 5 files could not be put back (systemd tries again).
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

FOLDER = Path("/var/lib/slipway/guard")
TOKEN = r"[a-z0-9]*"
TOO_LATE, UNKNOWN, INCOMPLETE = 3, 4, 5
COMMAND_SECONDS = 60
"""A command of an undo that takes longer hangs; the next one matters more."""
FIRST_PERSON, ROUNDS = 1000, 50
MOST_BYTES = 4 << 20
"""No file of the ways in is longer; one that its owner makes endless must not end who reads it as root."""
BALLAST = "room"
"""A file whose blocks are given back before files are written: a disk may have filled up meanwhile."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of FOLDER: a confirmation and an undo never overlap."""
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def parent_of(path: str, make: bool = False) -> Iterator[tuple[int, str]]:
    """Give the opened folder of PATH, and its name in there; no part of PATH may be a symbolic link.

    A person owns the folder that their keys are in, and could lead whoever writes there as root somewhere else.

    :raises OSError: for a folder that isn't there (but with MAKE), or that is none.
    """
    *folders, name = [part for part in path.split("/") if part]
    handle = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                inner = os.open(folder, flags, dir_fd=handle)
            except FileNotFoundError:
                if not make:
                    raise
                os.mkdir(folder, 0o755, dir_fd=handle)
                inner = os.open(folder, flags, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle, name
    finally:
        os.close(handle)


def write(path: str, content: bytes, mode: int, uid: int, gid: int, make: bool = False) -> None:
    """Replace PATH by a file with CONTENT at once; where there is no room for another one, write over the one there is."""
    with parent_of(path, make) as (folder, name):
        temporary = f".{name}.slipway-{os.getpid()}"
        flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=folder)
            handle = os.open(temporary, flags | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
            _fill(handle, content, mode, uid, gid)
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=folder)
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            # Through a hard link, somebody else's file would be written.
            if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
                raise
            _fill(os.open(name, flags, dir_fd=folder), content, mode, uid, gid)


def _fill(handle: int, content: bytes, mode: int, uid: int, gid: int) -> None:
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.ftruncate(handle, len(content))
        os.fchown(handle, uid, gid)
        os.fchmod(handle, mode)
        os.fsync(handle)


def remove(path: str) -> None:
    """Remove the file or link PATH, if it is there."""
    with contextlib.suppress(FileNotFoundError), parent_of(path) as (folder, name):
        os.unlink(name, dir_fd=folder)


def read(path: str) -> tuple[bytes, os.stat_result] | None:
    """Return what is in the file PATH and its attributes, None when there is none.

    :raises OSError: for a link, a folder, or anything else that is not a regular file, and for one that is too long.
    """
    try:
        with parent_of(path) as (folder, name):
            handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(f"{path} is not a regular file")
        content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise OSError(f"{path} is longer than {MOST_BYTES} bytes")
        return content, found


def restore(folder: Path, saved: Mapping[str, Any]) -> None:
    """Put one file back as the guard has SAVED it in FOLDER."""
    path = saved["path"]
    if saved["kind"] == "absent":
        remove(path)
        return
    if saved["kind"] == "link":
        with parent_of(path, make=True) as (parent, name):
            with contextlib.suppress(OSError):
                os.rmdir(name, dir_fd=parent)  # an empty folder that has taken the link's place
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=parent)
            os.symlink(saved["target"], name, dir_fd=parent)
        return
    content = (folder / saved["as"]).read_bytes()
    write(path, content, saved["mode"], saved["uid"], saved["gid"], make=True)


def foreign(path: str) -> bool:
    """Tell whether somebody else than root owns a part of PATH: who spoils that can't keep the rest from coming back."""
    for part in (Path(path), *Path(path).parents):
        with contextlib.suppress(OSError):
            if part.lstat().st_uid != 0:
                return True
    return False


def run(argv: Sequence[str]) -> str:
    """Run ARGV; return what went wrong, "" for nothing."""
    try:
        done = subprocess.run(
            list(argv), stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
            timeout=COMMAND_SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{' '.join(argv)}: {error}"
    said = (done.stderr or done.stdout).strip()[-500:]
    return f"{' '.join(argv)}: {said or f'exit status {done.returncode}'}" if done.returncode else ""


def armed(folder: Path) -> list[Path]:
    """Return the folders of the changes that wait for their confirmation, oldest first."""
    found = [path.parent for path in folder.glob("*/plan.json") if not path.parent.name.startswith(".")]
    return sorted(found, key=lambda path: (path.stat().st_mtime, path.name))


def plan_of(change: Path) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads((change / "plan.json").read_text())
    return plan


def undo(folder: Path, change: Path, why: str, boot: bool = False) -> list[str]:
    """Put back what CHANGE is about; return what could not be put back. With BOOT nothing runs yet that could be reloaded."""
    plan = plan_of(change)
    with contextlib.suppress(OSError):
        (change / BALLAST).unlink()
    left, theirs = list[str](), list[str]()
    for saved in reversed(plan["files"]):
        try:
            restore(change, saved)
        except OSError as error:
            into = theirs if foreign(saved["path"]) else left
            into.append(f"{saved['path']}: {error.strerror or error}")
    commands = [["systemctl", "daemon-reload"], *plan["boot"]] if boot else plan["undo"]
    failed = [*theirs, *(wrong for argv in commands if (wrong := run(argv)))]
    for text in (*left, *failed):
        print(f"slipway-guard: {text}", file=sys.stderr)
    if not left:
        note(folder, change.name, "undone", why, failed)
        shutil.rmtree(change)
        print(f"slipway-guard: the change {change.name} is undone: {why}", flush=True)
    return left


def note(folder: Path, token: str, outcome: str, why: str, failures: Sequence[str] = ()) -> None:
    """Keep how the change TOKEN ended; a full disk keeps nothing."""
    with contextlib.suppress(OSError):
        temporary = folder / ".last"
        text = json.dumps(
            {"token": token, "outcome": outcome, "why": why, "at": int(time.time()), "failures": list(failures)}
        )
        temporary.write_text(text)
        temporary.replace(folder / "last.json")


def last(folder: Path) -> dict[str, Any]:
    """Return how the last change ended, {} when none did."""
    try:
        ended: dict[str, Any] = json.loads((folder / "last.json").read_text())
    except (OSError, ValueError):
        return {}
    return ended


def timer(token: str) -> str:
    return f"slipway-guard-{token}"


def stop_timer(token: str) -> None:
    run(["systemctl", "stop", f"{timer(token)}.timer"])


def try_again(folder: Path) -> None:
    """Let a timer go on with what could not be undone at a boot: a disk may be read-only then, and mended later."""
    for change in armed(folder):
        if wrong := run(plan_of(change).get("again") or again(change.name)):
            print(f"slipway-guard: {wrong}", file=sys.stderr)


def again(token: str) -> list[str]:
    """Return the command for a change whose plan an earlier version has made, which had none."""
    return [
        "systemd-run", "--quiet", "--no-block", f"--unit={timer(token)}", "--on-active=5s", "--timer-property=AccuracySec=1s",
        "--property=Type=oneshot", "--property=Restart=on-failure", "--property=RestartSec=5s",
        "--property=StartLimitIntervalSec=0", "/usr/local/sbin/slipway-guard", "undo", token,
        "--why", "the host was restarted before a new login had confirmed it",
    ]  # fmt: skip


def confirm(folder: Path, token: str) -> int:
    """Keep the change TOKEN, and do what can't be undone."""
    change = folder / token
    if not (change / "plan.json").is_file():
        ended = last(folder)
        if ended.get("token") != token:
            print(f"slipway-guard: there is no change {token}", file=sys.stderr)
            return UNKNOWN
        if ended["outcome"] == "confirmed":
            return 0
        print(f"slipway-guard: too late, the change was undone: {ended['why']}", file=sys.stderr)
        return TOO_LATE
    plan = plan_of(change)
    note(folder, token, "confirmed", "a new login has worked")
    change.rename(done := folder / f".{token}")  # from here on there is nothing to undo, whatever happens
    stop_timer(token)
    shutil.rmtree(done, ignore_errors=True)
    for wrong in filter(None, map(run, plan["confirmed"])):
        print(f"slipway-guard: {wrong}", file=sys.stderr)
    return 0


def processes(uid: int, proc: Path) -> list[int]:
    """Return the processes that run as UID, really or effectively."""
    found = []
    for path in proc.glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            text = path.read_text(errors="replace")  # a process chooses its name, of any bytes
            match = re.search(r"^Uid:\t(\d+)\t(\d+)", text, re.MULTILINE)
            state = re.search(r"^State:\t(\w)", text, re.MULTILINE)
            if match and str(uid) in match.groups() and state and state[1] != "Z":
                found.append(int(path.parent.name))
    return found


def end(name: str, proc: Path = Path("/proc")) -> int:
    """End every process of the account NAME, also those that would start new ones meanwhile."""
    try:
        account = pwd.getpwnam(name)
    except KeyError:
        print(f"slipway-guard: there is no account {name}", file=sys.stderr)
        return UNKNOWN
    if account.pw_uid < FIRST_PERSON:
        print(f"slipway-guard: {name} is a user of the system", file=sys.stderr)
        return 1
    with contextlib.suppress(OSError):
        Path(f"/var/lib/systemd/linger/{name}").unlink()
    with contextlib.suppress(OSError):  # the kernel ends all of a session at once, from Linux 5.14 on
        Path(f"/sys/fs/cgroup/user.slice/user-{account.pw_uid}.slice/cgroup.kill").write_text("1")
    for _ in range(ROUNDS):
        found = processes(account.pw_uid, proc)
        if not found:
            return 0
        for sent in (signal.SIGSTOP, signal.SIGKILL):  # who is stopped starts no new one
            for process in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, sent)
        time.sleep(0.1)
    print(f"slipway-guard: processes of {name} are left: {processes(account.pw_uid, proc)}", file=sys.stderr)
    return 1


def ask_undo(folder: Path, token: str, why: str, boot: bool) -> int:
    """Undo the change TOKEN, or all for want of one, newest first."""
    chosen = [change for change in reversed(armed(folder)) if token in ("", change.name)]
    if token and not chosen:
        ended = last(folder)
        print(json.dumps(ended) if ended.get("token") == token else f"there is no change {token}")
        return 0 if ended.get("token") == token and ended["outcome"] == "undone" else UNKNOWN
    left = [text for change in chosen for text in undo(folder, change, why, boot)]
    if left and boot:
        try_again(folder)
    for change in chosen if not left and not boot else []:
        stop_timer(change.name)
    if token and not left:
        print(json.dumps(last(folder)))
    return INCOMPLETE if left else 0


def main(arguments: Sequence[str] | None = None, folder: Path = FOLDER) -> int:
    parser = argparse.ArgumentParser(
        prog="slipway-guard", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "status", help="show the change that waits for confirmation, and how the last one ended, as JSON"
    )
    commands.add_parser("confirm", help="keep the change").add_argument("token")
    back = commands.add_parser("undo", help="put everything back now")
    back.add_argument("token", nargs="?", default="")
    back.add_argument("--why", default="undone manually", help="what the record says")
    back.add_argument("--boot", action="store_true", help=argparse.SUPPRESS)
    commands.add_parser("end", help="end all processes of a person's account").add_argument("name")
    chosen = parser.parse_args(arguments)
    if not re.fullmatch(TOKEN, getattr(chosen, "token", "")):
        parser.error(f"'{chosen.token}' is not a valid token")
    if folder == FOLDER and os.geteuid() != 0:
        print("slipway-guard: only root can do this", file=sys.stderr)
        return 1
    try:
        if chosen.command == "end":
            return end(chosen.name)
        if not folder.is_dir():
            print("{}" if chosen.command == "status" else "slipway-guard: no change was ever made", file=sys.stdout)
            return 0 if chosen.command != "confirm" else UNKNOWN
        with locked(folder):
            if chosen.command == "confirm":
                return confirm(folder, chosen.token)
            if chosen.command == "undo":
                return ask_undo(folder, chosen.token, chosen.why, chosen.boot)
            print(json.dumps({"armed": [plan_of(change) for change in armed(folder)], "last": last(folder)}))
            return 0
    except OSError as error:
        print(f"slipway-guard: {error.filename or folder}: {error.strerror or error}", file=sys.stderr)
        if getattr(chosen, "boot", False):
            try_again(folder)
        return 1


if __name__ == "__main__":
    sys.exit(main())
