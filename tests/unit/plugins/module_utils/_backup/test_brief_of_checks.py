# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What status.yml shows of checks and drills: each problem once, and nothing that is over."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import state
from ansible_collections.slipway.flask.plugins.module_utils._backup.brief import brief
from ansible_collections.slipway.flask.plugins.module_utils._backup.state import Outcome

NOW = datetime(2026, 11, 26, 14, tzinfo=timezone.utc)
POINT = {"point": "20261126T135000Z"}


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "backup.json"
    state.write(path, {"every_seconds": 3600, "targets": [{}]})
    return path


def keep(folder: Path, what: str, ended: str, *problems: str) -> None:
    facts = POINT if what == "run" else {}
    Outcome(what, ended, f"2026-11-26T{ended}:00Z", problems=list(problems), facts=facts).write(folder)


def test_a_check_has_how_the_run_and_the_drill_before_it_ended(settings: Path, tmp_path: Path) -> None:
    keep(tmp_path, "run", "13:50", "a")
    keep(tmp_path, "drill", "04:00", "b")
    keep(tmp_path, "check", "13:55", "the run failed: a", "the drill failed: b")
    found = brief(settings, tmp_path, NOW)
    assert found.lines == ["backups: newest restore point 10 min old (1 target)", "backups: the drill 10 h ago FAILED"]
    assert found.problems == ["backups: the run failed: a", "backups: the drill failed: b"]


def test_how_a_run_ended_that_no_check_has_seen_yet_is_shown_as_well(settings: Path, tmp_path: Path) -> None:
    keep(tmp_path, "check", "13:45", "the target is full")
    keep(tmp_path, "run", "13:50", "a")
    keep(tmp_path, "drill", "04:00")
    found = brief(settings, tmp_path, NOW)
    assert found.lines[-1] == "backups: the drill 10 h ago passed"
    assert found.problems == ["backups: the target is full", "backups: a"]


def test_backups_that_nobody_looks_after_are_a_problem(settings: Path, tmp_path: Path) -> None:
    keep(tmp_path, "run", "13:50")
    keep(tmp_path, "check", "13:00")
    assert brief(settings, tmp_path, NOW).problems == [
        "backups: not checked for 1 h; see `journalctl -u slipway-backup-check` on the host"
    ]
    keep(tmp_path, "check", "13:55")
    assert brief(settings, tmp_path, NOW).problems == []
