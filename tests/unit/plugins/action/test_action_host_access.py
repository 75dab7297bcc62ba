# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""After a change, a new login confirms it or the host undoes it, whatever becomes of the connection."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.slipway.flask.plugins.action import host_access
from ansible_collections.slipway.flask.plugins.plugin_utils._access import login
from ansible_collections.slipway.flask.plugins.plugin_utils._access.login import Way
from ansible_collections.slipway.flask.plugins.plugin_utils._action import on_host

DONE = {"changed": True, "actions": ["account ann"], "armed": "x", "closed": [], "user": "root"}
ANN = {"name": "ann", "sudo": True}
UNDONE = {"outcome": "undone", "why": "", "failures": []}
DENIED = "ann@vps1: Permission denied (publickey)."


class Action(host_access.ActionModule):
    """Plays a host that answers the call with ANSWER, and whose new logins say SAID ("" for a login that confirms)."""

    def __init__(self, answer: Any, said: dict[Way, str], undone: Any = UNDONE, **document: Any) -> None:
        task = MagicMock(args={"document": document}, async_val=0, check_mode=False, diff=False)
        super().__init__(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
        self.answer, self.said, self.undone = answer, said, undone
        self.way: Way | None = None
        self.tried: list[Way] = []
        self.commands: list[str] = []

    def _low_level_execute_command(self, cmd: str, **_: Any) -> dict[str, Any]:
        self.commands.append(cmd.split()[1])
        if self.way is None:
            if isinstance(self.undone, Exception):
                raise self.undone
            if self.undone == host_access.NOT_FOUND:
                return {"rc": 127, "stdout": "", "stderr": "not found"}
            text = self.undone if isinstance(self.undone, str) else "slipway-guard: undone\n" + json.dumps(self.undone)
            return {"rc": 0, "stdout": text, "stderr": ""}
        self.tried.append(self.way)
        if wrong := self.said.get(self.way, DENIED):
            raise AnsibleConnectionFailure(wrong)
        return {"rc": 0, "stdout": "", "stderr": ""}


@pytest.fixture(autouse=True)
def connection(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def new(action: Action, way: Way, variables: Any) -> Iterator[None]:
        action.way = way
        yield
        action.way = None

    def ask(action: Action, *_: Any) -> dict[str, Any]:
        if isinstance(action.answer, Exception):
            raise action.answer
        return dict(action.answer)

    monkeypatch.setattr(login, "new", new)
    monkeypatch.setattr(login, "way_of", lambda action: Way(None, "root"))
    monkeypatch.setattr(login, "alias", lambda action, way: "-o HostKeyAlias=vps1")
    monkeypatch.setattr(on_host, "ask", ask)
    monkeypatch.setattr(host_access.time, "sleep", lambda seconds: None)


def test_where_nothing_changes_nobody_logs_in_anew() -> None:
    action = Action({**DONE, "changed": False, "armed": ""}, {})
    assert action.run() == {"changed": False, "actions": ["account ann"]}
    assert action.commands == []


def test_a_new_login_confirms_the_change() -> None:
    action = Action(DONE, {Way(None, "root"): ""}, people=[ANN])
    assert action.run() == {"changed": True, "actions": ["account ann"]}
    assert action.commands == ["confirm"]


def test_another_port_and_account_are_told_to_the_rest_of_the_play() -> None:
    action = Action(DONE, {Way(922, "ann"): ""}, people=[ANN, {"name": "bob"}], ssh={"port": 922, "root_login": "off"})
    assert action.run()["way"] == {"port": 922, "arguments": "-o HostKeyAlias=vps1", "user": "ann"}
    assert action.tried == [Way(922, "ann")], "root, whom the change itself closes out, is not even tried"


def test_who_leaves_is_not_tried_and_another_with_sudo_is() -> None:
    action = Action({**DONE, "closed": ["root"]}, {Way(None, "ann"): ""}, people=[ANN])
    assert action.run()["way"] == {"user": "ann"}
    assert action.tried == [Way(None, "ann")]


def test_no_new_login_has_the_change_undone_and_says_why() -> None:
    action = Action(DONE, {}, people=[ANN])
    result = action.run()
    assert result["failed"] and not result["changed"]
    assert result["msg"].startswith(f"Nothing was changed, because no new login works.\n  as root: {DENIED}")
    assert result["msg"].endswith("The host has undone the change and is as before.")
    assert action.commands == ["confirm", "confirm", "undo"]


def test_a_port_that_nobody_reaches_is_tried_once() -> None:
    said = "ssh: connect to host vps1 port 922: Connection timed out"
    action = Action(DONE, {Way(922, "root"): said}, people=[ANN], ssh={"port": 922})
    assert said in action.run()["msg"]
    assert action.tried == [Way(922, "root")]


@pytest.mark.parametrize(("answer", "said"), [
    (AnsibleConnectionFailure("Broken pipe"), "the connection broke off: Broken pipe"),
    ({"failed": True, "module_stderr": "Killed"}, "the program on the host ended without an answer: Killed"),
])  # fmt: skip
def test_a_call_without_an_answer_is_never_confirmed(answer: Any, said: str) -> None:
    action = Action(answer, {Way(None, "root"): ""})
    assert said in action.run()["msg"]
    assert action.commands == ["undo"]


def test_a_call_that_was_cut_off_before_it_began_has_changed_nothing() -> None:
    action = Action(AnsibleConnectionFailure("Broken pipe"), {}, undone="there is no change 0123\n")
    assert action.run()["msg"] == "Nothing was changed, because the connection broke off: Broken pipe"


def test_a_call_that_had_not_even_installed_the_guard_has_changed_nothing() -> None:
    action = Action({"failed": True, "module_stderr": "Killed"}, {}, undone=127)
    assert action.run()["msg"].endswith("ended without an answer: Killed")


def test_an_answer_that_comes_after_the_time_was_over_is_not_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 61.0, 61.0, 61.0])
    monkeypatch.setattr(host_access.time, "monotonic", lambda: next(clock))
    action = Action(DONE, {Way(None, "root"): ""})
    assert "the change cut the connection: the host took 61 s to answer" in action.run()["msg"]
    assert action.commands == ["undo"]


def test_what_could_not_be_undone_is_said() -> None:
    action = Action(DONE, {}, {**UNDONE, "failures": ["systemctl restart ssh.service: failed"]})
    assert "has undone the change, except for: systemctl restart ssh.service: failed" in action.run()["msg"]


def test_a_host_that_can_not_be_asked_is_not_called_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 50))
    monkeypatch.setattr(host_access.time, "monotonic", lambda: float(next(clock)))
    action = Action(DONE, {}, AnsibleConnectionFailure("Connection timed out"))
    assert "It is not known whether the host is as before" in action.run()["msg"]


def test_a_refusal_of_the_host_itself_is_passed_on() -> None:
    action = Action({"failed": True, "msg": "slipway_people: …", "armed": ""}, {})
    assert action.run() == {"failed": True, "msg": "slipway_people: …"}
