# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of a rollback: where it stops for the user's own tasks, and what a person is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible_collections.slipway.flask.plugins.action import rollback
from ansible_collections.slipway.flask.plugins.plugin_utils._action import release

RECORD = {"id": "0001-a", "app": "shop", "revision": "abcdef1", "seconds": {"check": 1.0}}
DONE = {"changed": True, "record": RECORD, "previous": "0002-b", "notes": [], "hook": {}}
WAITING = {**DONE, "hook": {"name": "before_start", "release": "0001-a"}}


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is displayed."""
    texts: list[str] = []
    monkeypatch.setattr(release, "Display", lambda: MagicMock(display=texts.append))
    return texts


def run(base: Path, answer: dict[str, Any], **arguments: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the host was asked when it would give ANSWER, and the task's result."""
    of_task = {key: arguments.pop(key) for key in ("to", "schema", "resume", "gave_up") if key in arguments}
    description = {"name": "shop", "wsgi": "app:app", **arguments}
    task = MagicMock(args={"description": description, **of_task}, async_val=0, check_mode=False, diff=False)
    action = rollback.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
    action._execute_module = MagicMock(return_value=dict(answer))
    result = action.run(task_vars={"inventory_dir": str(base), "inventory_hostname": "web1"})
    called = action._execute_module.call_args
    return json.loads(called.args[1]["task"]) if called else {}, result


def test_a_rollback_is_told(tmp_path: Path, shown: list[str]) -> None:
    asked, result = run(tmp_path, DONE)
    assert (asked["until"], "resume" in asked, "hook" in result) == ("", False, False)
    assert shown[0].startswith("shop on web1: release 0001-a is live again")


def test_it_stops_at_the_hooks_of_its_own_stages(tmp_path: Path, shown: list[str]) -> None:
    (tmp_path / "a.yml").write_text("[]")
    hooks = dict.fromkeys(("after_build", "before_start", "before_prune"), "a.yml")
    asked, result = run(tmp_path, WAITING, hooks=hooks)
    assert (asked["until"], result["hook"]["files"], shown) == ("before_start", [str(tmp_path / "a.yml")], [])
    asked, result = run(tmp_path, DONE, hooks=hooks, resume=result["hook"])
    assert (asked["until"], asked["resume"], len(shown)) == ("", "0001-a", 1)


def test_wrong_hooks_are_refused_before_the_host_is_asked(tmp_path: Path, shown: list[str]) -> None:
    asked, result = run(tmp_path, DONE, hooks={"after_lunch": "a.yml"})
    assert (asked, result["failed"]) == ({}, True)
