# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Problems with the backups are told once each, and once that all is well again."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import telling
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings, Target
from ansible_collections.slipway.flask.plugins.module_utils._backup.telling import Problem
from ansible_collections.slipway.flask.plugins.module_utils._host import webhooks

OLD = Problem("age", "3 h old")
OLDER = Problem("age", "4 h old")
FULL = Problem("full", "it is full")
AWAY = Problem("away", "it can't be reached", is_brief=True)
CAUSED = Problem("run", "the run failed", is_covered=True)
RAN = Problem("run", "the run failed")
WELL = "well again"


def heard(checks: list[list[Problem]]) -> list[str]:
    """Return what is told after each of several checks."""
    kept: dict[str, Any] = {}
    said = []
    for problems in checks:
        found = telling.news(kept, problems)
        said.append(WELL if found.is_over else ", ".join(found.fresh))
        kept = found.kept
    return said


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ([[], []], ["", ""]),
        ([[OLD], [OLDER], [OLDER], [], []], ["3 h old", "", "", WELL, ""]),
        ([[OLD], [OLD, FULL], [FULL], []], ["3 h old", "it is full", "", WELL]),
        ([[OLD], [], [OLD]], ["3 h old", WELL, "3 h old"]),
        ([[AWAY], [], [AWAY]], ["", "", ""]),
        ([[AWAY], [AWAY], [AWAY], []], ["", "it can't be reached", "", WELL]),
        ([[OLD], [AWAY], []], ["3 h old", "", WELL]),
        ([[FULL, CAUSED], [RAN], []], ["it is full", "", WELL]),
        ([[RAN], []], ["the run failed", WELL]),
    ],
    ids=[
        "nothing is wrong", "the same with another number", "one more, and one less", "again", "a moment's",
        "longer than a moment", "another takes its place", "what another one caused", "by itself",
    ],
)  # fmt: skip
def test_each_problem_is_told_once_and_once_that_all_is_well_again(
    checks: list[list[Problem]], said: list[str]
) -> None:
    assert heard(checks) == said


def test_webhooks_get_what_is_new_in_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[Any] = []
    monkeypatch.setattr(webhooks, "post", lambda hooks, told: got.append((hooks, told)) or ["notification 1 failed"])
    settings = Settings("vps1", [Target("path", "/mnt")], "secret", notifications=[{"url": "https://x/t0ken"}])
    assert telling.tell(settings, telling.news({}, [])) == []
    assert telling.tell(settings, telling.news({}, [OLD, FULL])) == ["notification 1 failed"]
    assert telling.tell(settings, telling.news({"open": True}, [])) == ["notification 1 failed"]
    assert [told["text"] for _, told in got] == [
        "backups of vps1: 2 problems\n- 3 h old\n- it is full", "backups of vps1: all is well again"
    ]  # fmt: skip
    assert [told["outcome"] for _, told in got] == ["failed", "succeeded"]
    assert got[0][1]["problems"] == ["3 h old", "it is full"]
