# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""playbooks/hosts.yml: what an edge is asked, and what a person reads of it."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible_collections.slipway.flask.plugins.action import edge_hosts

HOSTS = {
    "shop": {
        "web1": {"state": "in", "requests": 3, "check": "L7OK 200", "since": "", "by": ""},
        "web2": {"state": "out", "requests": 0, "check": "", "since": "2026-11-27T05:44:08Z", "by": "ann@laptop"},
    }
}


class Run:
    """Runs the action on edge1 and keeps what it asked and printed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **answer: Any) -> None:
        self.answer, self.asked, self.printed = answer, dict[str, Any](), list[str]()
        self.hostvars: dict[str, Any] = {}
        monkeypatch.setattr(edge_hosts.on_host, "ask", self.ask)
        monkeypatch.setattr(edge_hosts, "Display", lambda: MagicMock(display=self.printed.append))

    def ask(self, _: Any, name: str, asked: dict[str, Any], __: Any) -> dict[str, Any]:
        assert name == "edge_hosts"
        self.asked = asked
        return dict(self.answer)

    def __call__(self, **arguments: Any) -> dict[str, Any]:
        task = MagicMock(args=arguments, async_val=0, check_mode=False, diff=False)
        action = edge_hosts.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
        return dict(action.run(task_vars={"inventory_hostname": "edge1", "hostvars": self.hostvars}))


def test_a_host_is_taken_out_and_the_table_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch, changed=True, left=2, hosts=HOSTS)
    assert run(out="web2", wait="5")["changed"]
    assert (run.asked["do"], run.asked["host"], run.asked["wait_seconds"]) == ("out", "web2", 5)
    assert run.printed == [
        "edge1: web2 is out; -e in=web2 puts it back",
        "edge1: 2 requests are still under way on web2; they end when it stops",
        "APP   HOST  STATE                                         REQUESTS  CHECK",
        "shop  web1  in                                            3         L7OK 200",
        "shop  web2  out since 2026-11-27T05:44:08Z by ann@laptop  0",
    ]


def test_a_host_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch, changed=False, left=0, hosts={})
    run(back="web2", out="")
    assert run.asked["do"] == "in"
    assert run.printed[0] == "edge1: web2 is already in"


def test_without_a_host_only_the_table_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch, changed=False, hosts=HOSTS)
    run(out="", back="")
    assert run.asked["do"] == "status"
    assert run.printed[0].startswith("APP ")


def test_why_nothing_was_done_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch, failed=True, msg="x", problems=["web1 is the last host that serves shop"])
    assert run(out="web1")["msg"] == (
        "edge1: web1 was not taken out, because:\n  - web1 is the last host that serves shop"
    )
    run = Run(monkeypatch, failed=True, msg="x", problems=["HAProxy does not answer"])
    assert run()["msg"] == "edge1: HAProxy does not answer"


@pytest.mark.parametrize(
    ("arguments", "said"), [({"out": "a", "back": "b"}, "one host at a time"), ({"wait": "long"}, "wait is 'long'")]
)
def test_what_makes_no_sense_is_refused_before_an_edge_is_asked(
    monkeypatch: pytest.MonkeyPatch, arguments: dict[str, str], said: str
) -> None:
    run = Run(monkeypatch)
    assert said in run(**arguments)["msg"]
    assert not run.asked


@pytest.mark.parametrize(("revision", "refused"), [("bbb", False), ("ccc", True)])
def test_a_host_that_is_behind_is_put_back_only_when_it_is_up_to_date(
    monkeypatch: pytest.MonkeyPatch, revision: str, refused: bool
) -> None:
    run = Run(monkeypatch, changed=True, left=0, hosts=HOSTS)
    known = {"web1": "bbb", "web2": revision}
    run.hostvars = {
        host: {"slipway_releases": {"apps": [{"app": "shop", "revision": found}]}} for host, found in known.items()
    }
    run.hostvars["web3"] = {"slipway_releases": {"unreachable": True}}
    backends = [{"name": "shop", "hosts": [{"name": name} for name in ("web1", "web2", "web3", "web4")]}]
    said = run(back="web2", backends=backends, releases="slipway_releases")
    assert bool(said.get("failed")) == refused
    if refused:
        assert "shop: web2 has revision ccc, and web1 has bbb" in said["msg"]
        assert not run(back="web2", backends=backends, releases="slipway_releases", force=True).get("failed")


@pytest.mark.parametrize("told", [{"unreachable": True}, {"failed": True, "msg": "no sudo"}, None])
def test_a_host_whose_release_nobody_knows_is_not_put_back(monkeypatch: pytest.MonkeyPatch, told: Any) -> None:
    """The playbook goes on when a host can't be asked, so that a sick one can be taken out; it must not come in by that."""
    run = Run(monkeypatch, changed=True, left=0, hosts=HOSTS)
    run.hostvars = {"web1": {"slipway_releases": {"apps": [{"app": "shop", "revision": "bbb"}]}}, "web2": {}}
    if told:
        run.hostvars["web2"]["slipway_releases"] = told
    backends = [{"name": "shop", "hosts": [{"name": "web1"}, {"name": "web2"}]}]
    said = run(back="web2", backends=backends, releases="slipway_releases")
    assert said["failed"]
    assert "shop: web2 could not be asked which revision it serves" in said["msg"]
    assert not run.asked
    assert not run(back="web2", backends=backends, releases="slipway_releases", force=True).get("failed")
    assert not run(out="web2", backends=backends, releases="slipway_releases").get("failed")
