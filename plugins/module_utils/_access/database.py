# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What passwd(5), shadow(5) and group(5) say; Python 3.13 has no module for the second any more.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

FIRST_PERSON, LAST_PERSON = 1000, 60000
"""UID_MIN and UID_MAX of login.defs(5) where the file does not say otherwise."""


@dataclass(frozen=True)
class Account:
    """One account; EXPIRES is the day of its expiry since 1970, "" for never."""

    name: str
    uid: int
    gid: int
    home: str
    password: str = "!"
    expires: str = ""

    @property
    def expires_date(self) -> str:
        """EXPIRES as `usermod --expiredate` takes it."""
        return str(date(1970, 1, 1) + timedelta(days=int(self.expires))) if self.expires else ""


class Accounts:
    """The local accounts and groups in ETC."""

    def __init__(self, etc: Path = Path("/etc")) -> None:
        self.etc = etc

    def _rows(self, name: str) -> dict[str, list[str]]:
        path = self.etc / name
        lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
        return {line.split(":")[0]: line.split(":") for line in lines if ":" in line}

    @cached_property
    def _passwd(self) -> dict[str, list[str]]:
        return self._rows("passwd")

    @cached_property
    def _shadow(self) -> dict[str, list[str]]:
        return self._rows("shadow")

    @cached_property
    def _group(self) -> dict[str, list[str]]:
        return self._rows("group")

    def account(self, name: str) -> Account | None:
        """Return the account NAME, None when there is none."""
        if name not in self._passwd:
            return None
        row, shadow = self._passwd[name], self._shadow.get(name, ["", "!", *[""] * 7])
        return Account(name, int(row[2]), int(row[3]), row[5], shadow[1], shadow[7])

    def is_person(self, account: Account) -> bool:
        """Tell whether ACCOUNT is in the range of people, rather than of the system and of services."""
        text = (self.etc / "login.defs").read_text() if (self.etc / "login.defs").is_file() else ""
        limits = dict(re.findall(r"^(UID_MIN|UID_MAX)\s+(\d+)", text, re.MULTILINE))
        return int(limits.get("UID_MIN", FIRST_PERSON)) <= account.uid <= int(limits.get("UID_MAX", LAST_PERSON))

    def has_group(self, name: str) -> bool:
        return name in self._group

    def members(self, name: str) -> Sequence[str]:
        """Return who is in the group NAME, but for those who have it as their primary one."""
        return [member for member in self._group.get(name, ["", "", "", ""])[3].split(",") if member]
