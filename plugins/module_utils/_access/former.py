# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Who has left the list for good: let in again by hand on the host, they are closed again by the next run.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ansible_collections.slipway.flask.plugins.module_utils._access import guard_program
from ansible_collections.slipway.flask.plugins.module_utils._access.apply import AccessError, File
from ansible_collections.slipway.flask.plugins.module_utils._access.database import Accounts

PATH = "/etc/slipway/former-people"
HEAD = """\
# Managed by Ansible (slipway.flask.host_access): who has left slipway_people. Their accounts stay closed.
"""


def names() -> Sequence[str]:
    """Return who has left so far. Raises AccessError for a link or folder in the file's place."""
    try:
        found = guard_program.read(PATH)
    except OSError as error:
        raise AccessError(f"{PATH} is a link, a folder, or can't be read ({error}): move it away") from error
    lines = found[0].decode(errors="replace").splitlines() if found else []
    return [line for line in lines if line and not line.startswith("#")]


def open_again(database: Accounts, closed: str) -> list[str]:
    """Return those of them whose account is no longer CLOSED, its day of expiry."""
    accounts = [account for name in names() if (account := database.account(name))]
    return [account.name for account in accounts if account.expires != closed and database.is_person(account)]


def file(database: Accounts, leavers: Iterable[str], wanted: Iterable[str]) -> File:
    """Return the file as it must be: LEAVERS join it, and who is WANTED again, or has no account any more, does not stay."""
    every = ({*names()} | {*leavers}) - {*wanted}
    there = sorted(name for name in every if database.account(name))
    return File(PATH, HEAD + "".join(f"{name}\n" for name in there) if there else None, 0o600)
