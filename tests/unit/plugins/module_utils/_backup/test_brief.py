# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What status.yml says of backups, without asking a target."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import brief
from ansible_collections.slipway.flask.plugins.module_utils._backup.state import Outcome

NOW = datetime(2026, 11, 26, 14, 5, tzinfo=timezone.utc)


def told(tmp_path: Path, *outcomes: Outcome) -> brief.Brief:
    (tmp_path / "backup.json").write_text(json.dumps({"every_seconds": 3600, "targets": [{}, {}]}))
    for outcome in outcomes:
        outcome.write(tmp_path)
    return brief.brief(tmp_path / "backup.json", tmp_path, NOW)


def run(point: str, *problems: str) -> Outcome:
    facts: dict[str, Any] = {"point": point}
    return Outcome("run", "2026-11-26T14:00:00Z", "2026-11-26T14:00:09Z", 9.0, list(problems), facts=facts)


def test_nothing_is_never_silence(tmp_path: Path) -> None:
    found = brief.brief(tmp_path / "none.json", tmp_path, NOW)
    assert found == brief.Brief(["nothing is backed up: set slipway_backups (docs/backups.md)"])


@pytest.mark.parametrize(
    ("outcomes", "lines", "problems"),
    [
        ((), ["backups: no restore point yet (2 targets)"], []),
        ((run("20261126T140000Z"),), ["backups: newest restore point 5 min old (2 targets)"], []),
        (
            (run("20261126T110000Z"),),
            ["backups: newest restore point 3 h old (2 targets)"],
            ["the newest restore point is 3 h old; one is due every 1 h"],
        ),
        (
            (run("20261126T140000Z", "/mnt/b: away"),),
            ["backups: newest restore point 5 min old (2 targets)"],
            ["backups: /mnt/b: away"],
        ),
        # What the check says as well is said once.
        (
            (
                run("20261126T140000Z", "/mnt/b: away"),
                Outcome("check", "2026-11-26T14:04:00Z", problems=["/mnt/b: away", "no WAL"]),
            ),
            ["backups: newest restore point 5 min old (2 targets)"],
            ["backups: /mnt/b: away", "backups: no WAL"],
        ),
        (
            (
                run("20261126T140000Z"),
                Outcome("drill", "2026-11-22T04:00:00Z", "2026-11-22T04:05:00Z", problems=["torn"]),
            ),
            ["backups: newest restore point 5 min old (2 targets)", "backups: the drill 4 d ago FAILED"],
            ["backups: torn"],
        ),
    ],
)
def test_a_line_tells_the_age_and_problems_are_told_once(
    tmp_path: Path, outcomes: tuple[Outcome, ...], lines: list[str], problems: list[str]
) -> None:
    assert told(tmp_path, *outcomes) == brief.Brief(lines, problems)
