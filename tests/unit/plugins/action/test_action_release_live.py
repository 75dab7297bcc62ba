# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which of several apps need no deploy: one question, and the same words as for a deploy of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible_collections.slipway.flask.plugins.action import release_live
from ansible_collections.slipway.flask.plugins.plugin_utils._action import kept
from ansible_collections.slipway.flask.plugins.plugin_utils._action import release as action_release

LIVE = {
    "changed": False, "notes": ["a note"], "previous": "0001-a",
    "record": {"id": "0002-b", "app": "shop", "revision": "abcdef1", "seconds": {}},
}  # fmt: skip


class Action(release_live.ActionModule):
    """Answers for the host; keeps what it was asked."""

    def __init__(self, *descriptions: dict[str, Any], answer: dict[str, Any], check_mode: bool = False) -> None:
        task = MagicMock(
            args={"descriptions": list(descriptions), "common": {"command_seconds": 9}},
            async_val=0, check_mode=check_mode, diff=False,
        )  # fmt: skip
        super().__init__(task, *(MagicMock() for _ in range(5)))
        self.answer, self.asked = answer, list[dict[str, Any]]()

    def _execute_module(self, name: str, arguments: dict[str, Any], **_: Any) -> dict[str, Any]:
        assert name == kept.MODULE
        self.asked.append(json.loads(arguments["task"]))
        return dict(self.answer)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """An inventory's folder, beside the source folder `shop`."""
    for folder in ("shop", "inventory"):
        (tmp_path / folder).mkdir()
    (tmp_path / "shop/app.py").write_text("x")
    return tmp_path / "inventory"


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts: list[str] = []
    monkeypatch.setattr(action_release, "Display", lambda: MagicMock(display=texts.append))
    return texts


def app(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "wsgi": "app:app", "path": "../shop", **more}


def run(action: Action, base: Path) -> dict[str, Any]:
    result: dict[str, Any] = action.run(task_vars={"inventory_dir": str(base), "inventory_hostname": "web1"})
    return result


def test_one_question_is_for_all_apps_and_what_is_live_is_told(base: Path, shown: list[str]) -> None:
    action = Action(app("shop"), app("wiki", command_seconds=5), answer={"apps": [LIVE, None]})
    result = run(action, base)
    (asked,) = action.asked
    assert [(one["app"], one["command_seconds"]) for one in asked["apps"]] == [("shop", 9), ("wiki", 5)]
    assert all(one["source_key"] and "content" not in one and "path" not in one for one in asked["apps"])
    assert asked["_half"] == {"name": "release", "key": kept.key()}
    assert (result["live"], result["changed"]) == (["shop"], False)
    (text,) = shown
    assert text.startswith("shop on web1: release 0002-b is already live; nothing changed")
    assert "a note" in text


def test_check_mode_tells_nothing(base: Path, shown: list[str]) -> None:
    assert run(Action(app("shop"), app("wiki"), answer={"apps": [LIVE, LIVE]}, check_mode=True), base)["live"] == [
        "shop", "wiki",
    ]  # fmt: skip
    assert shown == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"colour": "red"},
        {"path": "../nowhere"},
        {"hooks": {"after_lunch": "x.yml"}},
        {"build_commands": [{"name": "x"}]},
    ],
)
def test_what_is_wrong_with_an_app_is_left_to_its_deploy_to_say(
    base: Path, shown: list[str], wrong: dict[str, Any]
) -> None:
    action = Action(app("blog", **wrong), app("shop"), answer={"apps": [LIVE]})
    assert run(action, base)["live"] == ["shop"]
    assert [one["app"] for one in action.asked[0]["apps"]] == ["shop"]


def test_a_host_that_can_not_say_leaves_all_apps_to_their_deploys(base: Path, shown: list[str]) -> None:
    result = run(Action(app("shop"), app("wiki"), answer={"failed": True, "msg": "no disk"}), base)
    assert (result["live"], "failed" in result, shown) == ([], False, [])
