# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The keys of one account: `.ssh/authorized_keys` in its home, written by root into a folder that somebody else owns.

Its owner may put a link, a folder or a pipe anywhere in there, and change it at any moment. So every path is walked without
following links (guard_program.parent_of), and a link is replaced, never written through.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import stat
from collections.abc import Iterator, Sequence

from ansible_collections.slipway.flask.plugins.module_utils._access import guard_program
from ansible_collections.slipway.flask.plugins.module_utils._access.apply import AccessError, Change, File
from ansible_collections.slipway.flask.plugins.module_utils._access.database import Account

NAMES = ("authorized_keys", "authorized_keys2")
"""What sshd reads by default (sshd_config(5), AuthorizedKeysFile); the second is never ours, so it must not be there."""

SPOILT = (errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY)
"""What comes of a person who moves things in their own home while root writes there; it stops nobody else's change."""


class Folder:
    """The `.ssh` of ACCOUNT, with TEXT as its authorized_keys; None: with no keys at all."""

    def __init__(self, account: Account, text: str | None) -> None:
        self.account, self.text = account, text
        self.path = f"{os.path.realpath(account.home)}/.ssh"
        self.missing = not os.path.lexists(self.path)
        self.link = False
        self.wrong: list[tuple[str, str | None]] = []

    def changes(self) -> Iterator[Change]:
        """Yield what is to be changed.

        :raises OSError: for a folder or a pipe in the place of a file.
        """
        if self.account.home in ("", "/", "/nonexistent"):
            raise AccessError(f"{self.account.name} has no home")
        with contextlib.suppress(FileNotFoundError), guard_program.parent_of(self.path) as (home, name):
            self.link = stat.S_ISLNK(os.stat(name, dir_fd=home, follow_symlinks=False).st_mode)
        if self.link:
            yield Change(self.path, f"link to {os.readlink(self.path)}\n", "", self.path)
        for name, text in zip(NAMES, (self.text, None), strict=True):
            if change := self._change(f"{self.path}/{name}", text):
                self.wrong.append((change.path, text))
                yield change

    def _change(self, path: str, text: str | None) -> Change | None:
        if self.link or self.missing:
            return None if text is None else Change(path, "", text, path)
        with contextlib.suppress(FileNotFoundError), guard_program.parent_of(path) as (folder, name):
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISLNK(found.st_mode):
                return Change(path, f"link to {os.readlink(name, dir_fd=folder)}\n", text or "", path)
            if stat.S_ISREG(found.st_mode) and found.st_size > guard_program.MOST_BYTES:  # nobody's keys; see there
                return Change(path, f"{found.st_size} bytes\n", text or "", path)
        return File(path, text, 0o600, self.account.uid, self.account.gid).change()

    def write(self) -> None:
        """Bring the keys to what is wanted; the account is there by now."""
        found = pwd.getpwnam(self.account.name)
        if self.link:
            guard_program.remove(self.path)
        if self.text is not None:
            with guard_program.parent_of(self.path) as (home, name):
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=home)
                handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=home)
            try:
                os.fchown(handle, found.pw_uid, found.pw_gid)
                os.fchmod(handle, 0o700)
            finally:
                os.close(handle)
        for path, text in self.wrong:
            File(path, text, 0o600, found.pw_uid, found.pw_gid).write()

    def undo_commands(self) -> Sequence[Sequence[str]]:
        """Return what takes back a folder that was made."""
        if not self.missing or self.account.uid < 0:
            return ()
        return [["sh", "-c", 'rmdir --ignore-fail-on-non-empty "$0" 2>/dev/null || :', self.path]]
