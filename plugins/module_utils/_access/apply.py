# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""One change to the ways into a host, made of parts: accounts, sshd, firewall, bans. All of them or none, under the guard.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._access import guard, guard_program, guard_unit
from ansible_collections.slipway.flask.plugins.module_utils._host.file_state import HIDDEN, HIDDEN_NEW

COMMAND_SECONDS = 120
"""A command of a part that takes longer hangs; the guard waits for the part that is under way."""


class AccessError(RuntimeError):
    """The host can't be brought to what is wanted; the message is for the user."""


@dataclass(frozen=True)
class Context:
    """Where and for whom the parts work.

    :param asked: the document of the controller, by variable without `host_access_`.
    :param user: who is logged in: the account that Ansible came as, before sudo.
    :param peer: from which address, "" when that is not known.
    :param check: whether nothing may be changed (check mode).
    """

    asked: Mapping[str, Any]
    user: str = "root"
    peer: str = ""
    check: bool = False


@dataclass(frozen=True)
class Change:
    """One thing that a part will change, as a diff shows it.

    :param what: a path, or what people call it: `account ann`.
    :param path: the file that the guard has to save, "" for what `undo_commands` alone brings back.
    """

    what: str
    before: str = ""
    after: str = ""
    path: str = ""

    def diff(self) -> dict[str, str]:
        return {"before_header": self.what, "after_header": self.what, "before": self.before, "after": self.after}


@dataclass(frozen=True)
class File:
    """A wanted file of root's; CONTENT None: it must not be there. SECRET: a diff doesn't show what is in it."""

    path: str
    content: str | None
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    secret: bool = False

    def change(self) -> Change | None:
        """Return what is to be changed, None when it is as wanted.

        :raises AccessError: for a link or a folder that is in its place.
        """
        try:
            found = guard_program.read(self.path)
        except OSError as error:
            raise AccessError(f"{self.path} is a link, a folder, or can't be read ({error}): move it away") from error
        if found is None:
            return None if self.content is None else Change(self.path, "", self._shown(self.content), self.path)
        text, status = found[0].decode(errors="replace"), found[1]
        if self.content is None:
            return Change(self.path, HIDDEN if self.secret else text, "", self.path)
        attributes = (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (self.mode, self.uid, self.gid)
        if text == self.content and attributes:
            return None
        if text == self.content:
            was = f"{status.st_mode & 0o7777:04o} {status.st_uid}:{status.st_gid}\n"
            return Change(self.path, was, f"{self.mode:04o} {self.uid}:{self.gid}\n", self.path)
        return Change(self.path, HIDDEN if self.secret else text, self._shown(self.content), self.path)

    def _shown(self, content: str) -> str:
        return HIDDEN_NEW if self.secret else content

    def write(self) -> None:
        """Bring the file to what is wanted."""
        if self.content is None:
            guard_program.remove(self.path)
        else:
            guard_program.write(self.path, self.content.encode(), self.mode, self.uid, self.gid, make=True)


class Part:
    """One subject of the change; a subclass says what differs and brings it about. Everything but `changes` has a default.

    The order is: all `changes`; the guard saves their paths and `keep`; all `apply`; a new login; `confirmed_commands`.
    """

    name: str = ""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.warnings: list[str] = []
        self.closes: list[str] = []
        """Accounts that can't log in any more after the change: the new login is made as somebody else."""

    def changes(self) -> Sequence[Change]:
        """Return what differs from what is wanted, [] for nothing; changes nothing. Called once.

        :raises AccessError: for what must be refused before anything is changed.
        """
        raise NotImplementedError

    def apply(self) -> None:
        """Bring it about: validate first, then write, then reload. Not called when there are no changes.

        :raises AccessError: everything is undone then.
        """

    def undo_commands(self) -> Sequence[Sequence[str]]:
        """Return what the guard runs after the files are back; `{kept}` in a word is the folder with the files of `keep`."""
        return ()

    def boot_commands(self) -> Sequence[Sequence[str]]:
        """Return what it runs instead when the host was restarted meanwhile: before the network is up and sshd starts."""
        return ()

    def confirmed_commands(self) -> Sequence[Sequence[str]]:
        """Return what is done once the change is confirmed, because it can't be undone."""
        return ()

    def keep(self) -> Mapping[str, str]:
        """Return files for `undo_commands`, name to text, such as the rules of the kernel as they are."""
        return {}


@dataclass
class Outcome:
    """What was done, or would be in check mode; ARMED is the token that a new login has to confirm, "" for none."""

    changes: list[str] = field(default_factory=list)
    diffs: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    armed: str = ""


def bring(parts: Sequence[Part], token: str, seconds: int, program: str, check: bool) -> Outcome:
    """Bring PARTS to what is wanted, under the guard with TOKEN, which undoes it after SECONDS. PROGRAM is the guard's text.

    :raises AccessError: when nothing was changed, or all of it is undone.
    """
    with _alone(check):
        found = [(part, changes) for part in parts if (changes := list(part.changes()))]
        outcome = Outcome(
            [change.what for _, changes in found for change in changes],
            [change.diff() for _, changes in found for change in changes],
            [text for part in parts for text in part.warnings],
            [account for part in parts for account in part.closes],
        )
        if not found or check:
            return outcome
        changing = [part for part, _ in found]
        plan = guard.Plan(
            token, seconds, [change.path for _, changes in found for change in changes if change.path],
            kept={name: text for part in changing for name, text in part.keep().items()},
            undo=[argv for part in reversed(changing) for argv in part.undo_commands()],
            boot=[argv for part in reversed(changing) for argv in part.boot_commands()],
            confirmed=[argv for part in changing for argv in part.confirmed_commands()],
        )  # fmt: skip
        try:
            guard.install(program, plan.paths)
            guard.arm(plan)
        except (guard.GuardError, OSError) as error:
            raise AccessError(str(error)) from error
        for part in changing:
            try:
                # The timer's undo waits for this part, and none begins after it: what came later would have no guard.
                with guard_program.locked(guard_program.FOLDER):
                    if not (guard_program.FOLDER / token / "plan.json").exists():
                        break
                    part.apply()
            except Exception as error:
                left = guard.undo(token, f"{part.name} could not be changed")
                known = isinstance(error, (AccessError, OSError))
                said = str(error) if known else f"{type(error).__name__}: {error}"
                back = f"not all of it could be undone: {left}" if left else "everything is as it was"
                raise AccessError(f"{part.name}: {said}\nThe change was not applied: {back}.") from error
        outcome.armed = token
        outcome.warnings = [text for part in parts for text in part.warnings]
        return outcome


@contextlib.contextmanager
def _alone(check: bool) -> Iterator[None]:
    """Let one change be made at a time; one of a run that was killed is undone first, one that waits is waited for."""
    if check:
        yield
        return
    try:
        guard.make_folder()
        handle = os.open(guard_program.FOLDER / "run", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except (guard.GuardError, OSError) as error:
        raise AccessError(str(error)) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for change in guard.waiting():
            _settle(change)
        yield
    finally:
        os.close(handle)


def _settle(change: Path) -> None:
    """Wait until CHANGE, which an earlier run has armed, is confirmed or undone."""
    with contextlib.suppress(FileNotFoundError):
        until = guard_program.plan_of(change)["until"]
        while change.exists() and time.time() < until:
            time.sleep(0.5)
        if change.exists():
            guard.undo(change.name, "its run ended without confirming it")
    if change.exists():
        raise AccessError(
            f"An earlier change to SSH, firewall or accounts could not be undone; run `{guard_unit.PROGRAM} undo` "
            f"on the host to see why."
        )
