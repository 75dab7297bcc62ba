# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The system user as which restic goes to the network is made once, and the message says when it can't be."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import outside, setup
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from fake_tools import Tools

MADE = ["made the system user slipway-backup"]


@pytest.mark.parametrize(
    ("user", "check", "told", "calls"),
    [(outside.USER, False, MADE, 1), (outside.USER, True, MADE, 0), ("nobody", False, [], 0)],
    ids=["not there", "only looked at", "there"],
)
def test_the_user_is_made_unless_it_is_there(
    monkeypatch: pytest.MonkeyPatch, tool: Tools, user: str, check: bool, told: list[str], calls: int
) -> None:
    monkeypatch.setattr(outside, "USER", user)
    called = tool("useradd", "true")
    assert setup._user(check) == told
    assert len(called()) == calls


def test_what_useradd_says_is_told_when_it_fails(tool: Tools) -> None:
    tool("useradd", "echo no room >&2; exit 1")
    with pytest.raises(BackupError, match=r"the system user slipway-backup can't be made: .*no room"):
        setup._user(False)
