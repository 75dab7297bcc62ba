# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Users and groups of services: no shell, no home, a few other users in its group.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import grp
import pwd
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

NO_LOGIN = ("/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false")
FIRST_FREE_UID = 100
"""Debian hands out 0-99 itself, the same on every host (Debian Policy 9.2.2): such an account is never an app's."""
LAST_SYSTEM_UID = 999
"""SYS_UID_MAX of login.defs(5) where the file does not say otherwise."""

USER: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "group": {"type": "str", "default": ""},
    "members": {"type": "list", "elements": "str", "default": []},
    "comment": {"type": "str", "default": ""},
    "must_be_free": {"type": "list", "elements": "path", "default": []},
}
"""Argument spec of one user, of every module that makes some."""


class ServiceUserError(RuntimeError):
    """The user can't be as wanted; the message is for the user."""


@dataclass
class ServiceUser:
    """Wanted: USER with primary GROUP, and MEMBERS (users that exist already) in GROUP as well.

    MUST_BE_FREE are paths that show, while USER is not there yet, that the name belongs to something else. CHECK means
    that nothing is done. RUN executes an argv; it is a parameter for the tests' sake.
    """

    user: str
    group: str
    members: Sequence[str] = ()
    comment: str = ""
    must_be_free: Sequence[str] = ()
    check: bool = False
    run: Callable[[list[str]], None] = field(default_factory=lambda: execute)
    login_defs: Path = Path("/etc/login.defs")

    @classmethod
    def of(cls, asked: Mapping[str, Any], check: bool) -> ServiceUser:
        """Return the one that is ASKED for as USER says; its group has its name when none is given."""
        return cls(
            user=asked["name"], group=asked["group"] or asked["name"], members=asked["members"],
            comment=asked["comment"], must_be_free=asked["must_be_free"], check=check,
        )  # fmt: skip

    def refuse(self) -> None:
        """Raise ServiceUserError when an account of that name is not a service's, or a member does not exist."""
        account = find(pwd.getpwnam, self.user)
        group = find(grp.getgrnam, self.group)
        if account:
            self._refuse_foreign(account, group)
        else:
            self._refuse_taken(group)
        absent = [name for name in self.members if not find(pwd.getpwnam, name)]
        if absent and not self.check:
            raise ServiceUserError(
                f"There is no user '{absent[0]}' to put into the group '{self.group}': install its package first"
                " (www-data comes with Debian, nginx with nginx.org's packages)."
            )

    def make(self) -> list[str]:
        """Bring user, group and membership about; return what was done, as short sentences."""
        account = find(pwd.getpwnam, self.user)
        group = find(grp.getgrnam, self.group)
        done = []
        if not group and self.group != self.user:
            done.append(self._do(["groupadd", "--system", self.group], f"group {self.group} made"))
        if not account:
            done.append(self._do(self._useradd(), f"user {self.user} made"))
        for name in self.members:
            if not group or (name not in group.gr_mem and not has_primary(name, group.gr_gid)):
                done.append(self._do(["gpasswd", "--add", name, self.group], f"{name} added to group {self.group}"))
        return done

    def _useradd(self) -> list[str]:
        flags = ["--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", NO_LOGIN[0], "--no-log-init"]
        group = ["--user-group"] if self.group == self.user else ["--gid", self.group]
        return ["useradd", *flags, *group, "--comment", self.comment, self.user]

    def _do(self, argv: list[str], sentence: str) -> str:
        if not self.check:
            self.run(argv)
        return sentence

    def _refuse_foreign(self, account: pwd.struct_passwd, group: grp.struct_group | None) -> None:
        """Raise ServiceUserError when ACCOUNT is a person's or the system's own."""
        last = LAST_SYSTEM_UID
        if self.login_defs.is_file():
            for found in re.findall(r"^SYS_UID_MAX\s+(\d+)", self.login_defs.read_text(), re.MULTILINE):
                last = int(found)
        reason = ""
        if account.pw_uid < FIRST_FREE_UID:
            reason = f"its uid {account.pw_uid} is reserved for the system"
        elif account.pw_uid > last:
            reason = f"its uid {account.pw_uid} is a person's (system users end at {last})"
        elif account.pw_shell not in NO_LOGIN:
            reason = f"it has the login shell {account.pw_shell}"
        elif not group or account.pw_gid != group.gr_gid:
            reason = f"its primary group is not '{self.group}'"
        if reason:
            raise ServiceUserError(
                f"The user '{self.user}' already exists and does not look like a service's: {reason}."
                " Choose another name for the service."
            )

    def _refuse_taken(self, group: grp.struct_group | None) -> None:
        """Raise ServiceUserError when a group (sudo, docker) or a path shows that the name is something else's."""
        if group and self.group == self.user:
            raise ServiceUserError(
                f"There is no user '{self.user}' yet, but a group of that name: it belongs to something else."
                f" Choose another name, or run `groupdel {self.group}` if it is a leftover."
            )
        for path in self.must_be_free:
            if Path(path).exists():
                raise ServiceUserError(
                    f"There is no user '{self.user}' yet, but {path} exists: the name belongs to something else."
                    " Choose another one, or remove that path if it is a leftover."
                )


def ensure(users: Sequence[ServiceUser]) -> list[str]:
    """Bring all USERS about; return what was done. Raises ServiceUserError before the first change."""
    for user in users:
        user.refuse()
    return [done for user in users for done in user.make()]


def find(look_up: Callable[[str], T], name: str) -> T | None:
    """Return the entry that LOOK_UP has for NAME, or None."""
    try:
        return look_up(name)
    except KeyError:
        return None


def has_primary(user: str, gid: int) -> bool:
    """Whether USER has GID as primary group (then group files need not list it)."""
    account = find(pwd.getpwnam, user)
    return account is not None and account.pw_gid == gid


def execute(argv: list[str]) -> None:
    """Run ARGV. Raises ServiceUserError with what it said when it fails."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServiceUserError(f"`{' '.join(argv)}` failed: {(done.stderr or done.stdout).strip()[-1000:]}")
