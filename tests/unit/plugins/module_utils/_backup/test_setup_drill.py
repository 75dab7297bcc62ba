# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A timer of drills that are no longer wanted is stopped: without its file it would go on until the host restarts."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import places, setup, state
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings
from fake_tools import Tools

ASKED = "is-active --quiet slipway-backup-drill.timer"
STOPPED = ["stop slipway-backup-drill.timer", "reset-failed slipway-backup-drill.timer"]


@pytest.mark.parametrize(
    ("drill", "active", "check", "told", "calls"),
    [
        ("", 0, False, ["stopped slipway-backup-drill.timer"], [ASKED, *STOPPED]),
        ("", 0, True, ["stopped slipway-backup-drill.timer"], [ASKED]),
        ("", 3, False, [], [ASKED]),
        ("Sun *-*-* 04:00", 0, False, [], []),
    ],
    ids=["not wanted", "only looked at", "stopped already", "wanted"],
)
def test_a_timer_of_drills_that_are_not_wanted_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: Tools, drill: str, active: int, check: bool, told: list[str],
    calls: list[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(places, "STATE", tmp_path)
    called = tool("systemctl", f"[ $1 != is-active ] || exit {active}")
    settings = Settings("vps1", [], "secret", drill=drill)
    state.write(tmp_path / setup.READY, {"fingerprint": setup._fingerprint(settings)})
    assert setup.prepare(settings, check) == told
    assert called() == calls
