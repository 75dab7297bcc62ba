# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The accounts of people: made, with exactly the keys that are listed, and closed when they leave the list.

Whose accounts these are is kept in the group `slipway-people`; nobody else's are touched.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._access import former, keys
from ansible_collections.slipway.flask.plugins.module_utils._access.apply import (
    COMMAND_SECONDS,
    AccessError,
    Change,
    Context,
    File,
    Part,
)
from ansible_collections.slipway.flask.plugins.module_utils._access.database import Account
from ansible_collections.slipway.flask.plugins.module_utils._access.database import Accounts as Database
from ansible_collections.slipway.flask.plugins.module_utils._access.guard_unit import PROGRAM

GROUP = "slipway-people"
LIKE_ROOT = ("sudo", "admin", "wheel", "docker", "lxd", "incus", "incus-admin", "disk", "shadow")
"""Groups whose members are root, or can make themselves root at once."""
SUDOERS = "/etc/sudoers.d/slipway-people"
HEAD = "# Managed by Ansible (slipway.flask.host_access): the next run overwrites what is changed here.\n"
CLOSED = "1"
"""Day of expiry of a closed account, counted from 1970: no login, no cron, no sudo, whatever the key (shadow(5))."""
NO_PASSWORD = "*"
"""No password is right, and the account isn't locked, which sshd would take for closed (sshd(8))."""

GONE = f"""\
id -u "$0" >/dev/null 2>&1 || exit 0
{PROGRAM} end "$0"
userdel --remove "$0"
"""
"""Removes an account that the change has made; it may be that far or not."""


class Person:
    """One wanted account and what it is now; COMMANDS bring it about, UNDO takes them back, in this order."""

    def __init__(self, wanted: Mapping[str, Any], database: Database) -> None:
        self.name, self.sudo = str(wanted["name"]), bool(wanted["sudo"])
        self.wanted = wanted
        self.account = database.account(self.name)
        self.password = _password(wanted, self.account)
        self.facts, self.commands, self.undo = list[str](), list[list[str]](), list[list[str]]()
        if self.account:
            self._open(self.account)
        else:
            self._make()
        self._groups(database)

    def _make(self) -> None:
        self.facts.append("made")
        # Debian 12 would let everybody look into it, the apps too.
        home = ["--create-home", "--home-dir", f"/home/{self.name}", "--key", "HOME_MODE=0700"]
        self.commands.append(["useradd", *home, "--user-group", "--shell", "/bin/bash", self.name])
        self.undo.append(["sh", "-c", GONE, self.name])

    def _open(self, account: Account) -> None:
        if account.expires == CLOSED:
            self.facts.append("opened again")
            self.commands.append(["usermod", "--expiredate", "", self.name])
            self.undo.append(["usermod", "--expiredate", CLOSED, self.name])
        if account.password != self.password:
            self.facts.append("password for sudo changed" if self.wanted["password_hash"] else "password unlocked")

    def _groups(self, database: Database) -> None:
        wrong = [] if self.sudo else [name for name in LIKE_ROOT if self.name in database.members(name)]
        for name in wrong:
            self.facts.append(f"taken out of the group {name}")
            self.commands.append(["gpasswd", "--delete", self.name, name])
            self.undo.append(["gpasswd", "--add", self.name, name])
        if self.name not in database.members(GROUP):
            self.commands.append(["gpasswd", "--add", self.name, GROUP])
            if self.account:
                self.facts.append("managed by Slipway from now on")
                self.undo.append(["gpasswd", "--delete", self.name, GROUP])

    @property
    def changes_password(self) -> bool:
        return (self.account.password if self.account else "!") != self.password


def _password(wanted: Mapping[str, Any], account: Account | None) -> str:
    """Return what the password's field must be: the hash of the list, or what it is.

    What Slipway has locked itself is unlocked; a password that somebody else has locked stays so, for keys are enough to log in.
    """
    if wanted["password_hash"]:
        return str(wanted["password_hash"])
    found = account.password if account else ""
    if account and account.expires != CLOSED and found.lstrip("!*"):
        return found
    return found.lstrip("!") or NO_PASSWORD


class Accounts(Part):
    """All accounts of people on a host."""

    name = "accounts"

    def __init__(self, context: Context, etc: Path = Path("/etc")) -> None:
        super().__init__(context)
        self.database = Database(etc)
        self.people: list[Person] = []
        self.leavers: list[Account] = []
        self.files: list[File] = []
        self.folders: list[keys.Folder] = []
        self.makes_group = False
        self.former: File | None = None

    def changes(self) -> Sequence[Change]:
        wanted = self.context.asked.get("people") or []
        names = [str(person["name"]) for person in wanted]
        were = dict.fromkeys([*self.database.members(GROUP), *former.open_again(self.database, CLOSED)])
        leavers = [name for name in were if name not in names]
        if not names and not leavers:
            return []
        self._refuse(names)
        if self.context.user in leavers and not any(person["sudo"] for person in wanted):
            raise AccessError(
                f"slipway_people: '{self.context.user}', who is logged in, would lose access, and nobody with `sudo:"
                " true` would be left to administer the host. Add one of them to the list, or log in as root (ansible_user: root)."
            )
        self.people = [Person(person, self.database) for person in wanted]
        self.leavers = [account for name in leavers if (account := self.database.account(name))]
        self.closes += [account.name for account in self.leavers]
        self.makes_group = bool(names) and not self.database.has_group(GROUP)
        self.former = former.file(self.database, leavers, names)
        return [*self._of_people(), *self._of_leavers(), *self._of_sudo(), *filter(None, [self.former.change()])]

    def _refuse(self, names: Sequence[str]) -> None:
        """Raise AccessError for a name that is not a person's."""
        for name in names:
            account = self.database.account(name)
            if account and not self.database.is_person(account):
                raise AccessError(
                    f"slipway_people: '{name}' is a system user or an app's user on this host (uid {account.uid})."
                    " Choose another name for the person."
                )
            if not account and self.database.has_group(name):
                raise AccessError(
                    f"slipway_people: there is no user '{name}' yet, but a group of that name: it belongs to something"
                    f" else. Choose another name, or run `groupdel {name}` if it is a leftover."
                )
            if not account and os.path.lexists(f"/home/{name}"):
                raise AccessError(
                    f"slipway_people: there is no user '{name}' yet, but /home/{name}, which may be somebody else's."
                    f" Choose another name, or move the folder away."
                )

    def _of_people(self) -> Iterator[Change]:
        for person in self.people:
            if person.facts:
                yield Change(f"account {person.name}", after="".join(f"{fact}\n" for fact in person.facts))
            text = HEAD + "".join(f"{key}\n" for key in person.wanted["keys"])
            account = person.account or Account(person.name, -1, -1, f"/home/{person.name}")
            yield from self._keys(account, text)

    def _of_leavers(self) -> Iterator[Change]:
        for account in self.leavers:
            yield Change(
                f"account {account.name}", before="open\n", after="closed, its processes ended; its home is kept\n"
            )
            yield from self._keys(account, None)

    def _keys(self, account: Account, text: str | None) -> Iterator[Change]:
        """Yield what changes of the ACCOUNT's keys to TEXT; a person can spoil their own, and nobody else's."""
        folder = keys.Folder(account, text)
        try:
            found = list(folder.changes())
        except (OSError, AccessError) as error:
            self.warnings.append(f"{account.name}'s keys can't be changed: {error}")
            return
        if found:
            self.folders.append(folder)
            yield from found

    def _of_sudo(self) -> Iterator[Change]:
        lines = [_rule(person) for person in self.people if person.sudo]
        file = File(SUDOERS, HEAD + "".join(lines) if lines else None, 0o440)
        if change := file.change():
            self.files.append(file)
            yield change

    def apply(self) -> None:
        for file in self.files:
            _check_sudoers(file)
        if self.makes_group:
            _do(["groupadd", "--system", GROUP])
        for person in self.people:
            for argv in person.commands:
                _do(argv)
        passwords = [f"{person.name}:{person.password}" for person in self.people if person.changes_password]
        passwords += [f"{account.name}:{_locked(account)}" for account in self.leavers]
        if passwords:
            _do(["chpasswd", "--encrypted"], "".join(f"{line}\n" for line in passwords))
        for argv, _ in self._closing():
            _do(argv)
        for file in (*self.files, *filter(None, [self.former])):
            file.write()
        for folder in self.folders:
            try:
                folder.write()
            except OSError as error:
                if error.errno not in keys.SPOILT:
                    raise
                self.warnings.append(f"{folder.account.name}'s keys can't be changed: {error}")

    def _closing(self) -> Iterator[tuple[list[str], list[str]]]:
        """Yield what closes the accounts of those who left, each with what opens them again."""
        for account in self.leavers:
            yield (
                ["usermod", "--expiredate", CLOSED, account.name],
                ["usermod", "--expiredate", account.expires_date, account.name],
            )
            for group in (GROUP, *LIKE_ROOT):
                if account.name in self.database.members(group):
                    yield ["gpasswd", "--delete", account.name, group], ["gpasswd", "--add", account.name, group]

    def keep(self) -> Mapping[str, str]:
        changed = [person.account for person in self.people if person.account and person.changes_password]
        before = [*changed, *self.leavers]
        return {"passwords": "".join(f"{account.name}:{account.password}\n" for account in before)}

    def undo_commands(self) -> Sequence[Sequence[str]]:
        commands: list[Sequence[str]] = [argv for person in self.people for argv in person.undo]
        commands += [undo for _, undo in self._closing()]
        if self.keep()["passwords"]:
            commands.append(["sh", "-c", "exec chpasswd --encrypted <{kept}/passwords"])
        commands += [argv for folder in self.folders for argv in folder.undo_commands()]
        if self.makes_group:
            commands.append(["sh", "-c", f"! getent group {GROUP} >/dev/null || groupdel {GROUP}"])
        return commands

    def boot_commands(self) -> Sequence[Sequence[str]]:
        return self.undo_commands()

    def confirmed_commands(self) -> Sequence[Sequence[str]]:
        return [[str(PROGRAM), "end", account.name] for account in self.leavers]


def _rule(person: Person) -> str:
    return f"{person.name} ALL=(ALL:ALL) {'' if person.wanted['password_hash'] else 'NOPASSWD: '}ALL\n"


def _locked(account: Account) -> str:
    return "!" + account.password.lstrip("!")


def _check_sudoers(file: File) -> None:
    """Raise AccessError when visudo refuses FILE: one mistake there, and nobody can use sudo any more."""
    if file.content is None:
        return
    with tempfile.NamedTemporaryFile("w", dir="/run", prefix="slipway-sudoers-") as candidate:
        candidate.write(file.content)
        candidate.flush()
        _do(["visudo", "--check", "--quiet", "--file", candidate.name])


def _do(argv: Sequence[str], text: str = "") -> None:
    """Run ARGV with TEXT as its input; raise AccessError with what it says when it fails."""
    try:
        done = subprocess.run(
            list(argv), input=text, capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS
        )
    except OSError as error:
        raise AccessError(f"`{argv[0]}` can't be run: {error.strerror}") from error
    if done.returncode:
        raise AccessError(f"`{' '.join(argv)}` failed: {(done.stderr or done.stdout).strip()[-1000:]}")
