# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of a restore: nothing happens before a person has said yes."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleError
from ansible_collections.slipway.flask.plugins.action import restore
from ansible_collections.slipway.flask.plugins.plugin_utils._action import asking, release
from restore_answers import DONE, QUESTION


class Person:
    """Who sits at the terminal: ANSWER is what is typed, None where there is no terminal."""

    def __init__(self, answer: bytes | None) -> None:
        self.answer = answer
        self.read: list[str] = []

    def display(self, text: str, **_: Any) -> None:
        self.read.append(text)

    def prompt_until(self, text: str, **_: Any) -> bytes:
        self.read.append(text)
        if self.answer is None:
            raise AnsibleError("stdin is not interactive")
        return self.answer


def run(
    monkeypatch: pytest.MonkeyPatch, answer: bytes | None, check: bool = False, **arguments: Any
) -> tuple[Any, Any, Any]:
    """Return what the host was asked, the task's result, and the person, who answers so."""
    person = Person(answer)
    for module in (asking, restore, release):
        monkeypatch.setattr(module, "Display", lambda: person)
    task = MagicMock(
        args={"description": {"name": "shop", "wsgi": "app:app"}, **arguments}, async_val=0, check_mode=check
    )
    action = restore.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
    asked: list[dict[str, Any]] = []

    def host(_: str, given: dict[str, Any], **__: Any) -> dict[str, Any]:
        asked.append(json.loads(given["task"]))
        return {"question": dict(QUESTION)} if asked[-1].get("ask") else {"changed": True, **DONE}

    action._execute_module = host
    result = action.run(task_vars={"inventory_hostname": "web1"})
    return asked, result, person


@pytest.mark.parametrize("answer", [b"yes", b"YES\r", b"y"])
def test_it_begins_when_the_person_says_yes(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    asked, result, person = run(monkeypatch, answer, to="2026-11-25 14:05")
    assert [one.get("ask", False) for one in asked] == [True, False]
    assert asked[1]["to"] == QUESTION["resolved"]  # what the person has read, and no other moment
    assert person.read[1].startswith("Restore shop, and lose what is listed above?")
    assert result["changed"] and person.read[-1].startswith("shop on web1: restored to")


@pytest.mark.parametrize(
    ("answer", "said"),
    [(b"no", "Nothing was changed: the answer was not yes"), (b"", "Nothing was changed"), (None, "-e yes=true")],
)
def test_it_does_not_begin_otherwise(monkeypatch: pytest.MonkeyPatch, answer: bytes | None, said: str) -> None:
    asked, result, person = run(monkeypatch, answer, to="latest")
    assert (len(asked), result["failed"]) == (1, True)
    assert said in result["msg"] and person.read[0].startswith("shop on web1: restore to")


def test_who_says_yes_beforehand_is_told_and_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, result, person = run(monkeypatch, None, to="latest", confirmed="true")
    assert (len(asked), len(person.read), result["changed"]) == (2, 2, True)


def test_check_mode_only_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, result, person = run(monkeypatch, b"yes", check=True, to="latest")
    assert ([one["ask"] for one in asked], len(person.read), result["changed"]) == ([True], 1, True)


def test_a_word_that_it_does_not_know_is_refused_before_the_host_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, result, _ = run(monkeypatch, b"yes", to="latest", schema="downgrade")
    assert (asked, result["msg"]) == ([], "restore_schema is 'downgrade'; it must be refuse or keep")
