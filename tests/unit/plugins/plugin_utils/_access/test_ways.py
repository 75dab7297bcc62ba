# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which other ways into a host are tried, in which order, and what is said of the one that works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.slipway.flask.plugins.plugin_utils._access import login, ways
from ansible_collections.slipway.flask.plugins.plugin_utils._access.login import Way

REFUSED = "ssh: connect to host 203.0.113.10 port 22: Connection refused"
DENIED = "root@203.0.113.10: Permission denied (publickey)."
PEOPLE = [{"name": "bob"}, {"name": "ann", "sudo": True}, {"name": "cleo", "sudo": True}]


class Hosts:
    """A host that only lets WORKS in, reached by an action whose inventory says NOW."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, now: Way, works: Way, port: int) -> None:
        self.now, self.works, self.port, self.way = now, works, port, now
        self.tried: list[Way] = []
        self.action = MagicMock()
        self.action._connection.transport = "ssh"
        self.action._templar.template = lambda value: value
        monkeypatch.setattr(login, "way_of", lambda action: now)
        monkeypatch.setattr(login, "new", self.new)

    @contextmanager
    def new(self, action: Any, way: Way, variables: Any) -> Iterator[None]:
        self.way = way
        yield
        self.way = self.now

    def ask(self) -> str:
        self.tried.append(self.way)
        if self.way == self.works:
            return "facts"
        raise AnsibleConnectionFailure(DENIED if (self.way.port or 22) == self.port else REFUSED)

    def reach(self, **variables: Any) -> tuple[Any, Way | None]:
        with ExitStack() as hold:
            return ways.reach(self.action, self.ask, variables, hold)


def test_the_inventory_s_way_costs_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Hosts(monkeypatch, Way(None, "root"), Way(None, "root"), 22)
    host.action._templar.template = None
    assert host.reach(slipway_people=PEOPLE) == ("facts", None)
    assert host.tried == [Way(None, "root")]


@pytest.mark.parametrize(("now", "works", "port", "tried"), [
    (Way(None, "root"), Way(922, "root"), 922, [Way(922, "root")]),
    (Way(None, "root"), Way(922, "ann"), 922, [Way(922, "root"), Way(922, "ann")]),
    (Way(922, "ann"), Way(22, "root"), 22, [Way(22, "ann"), Way(22, "cleo"), Way(22, "root")]),
    (Way(922, "ann"), Way(922, "root"), 922, [Way(922, "cleo"), Way(922, "root")]),
    (Way(2200, "ann"), Way(22, "ann"), 22, [Way(922, "ann"), Way(22, "ann")]),
])  # fmt: skip
def test_ports_come_first_then_accounts_on_the_port_that_answers(
    monkeypatch: pytest.MonkeyPatch, now: Way, works: Way, port: int, tried: list[Way]
) -> None:
    host = Hosts(monkeypatch, now, works, port)
    assert host.reach(slipway_people=PEOPLE, slipway_ssh={"port": 922}) == ("facts", works)
    assert host.tried[1:] == tried


def test_where_no_way_works_each_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Hosts(monkeypatch, Way(None, "root"), Way(1, "x"), 922)
    with pytest.raises(AnsibleConnectionFailure) as told:
        host.reach(slipway_people=PEOPLE, slipway_ssh={"port": 922})
    assert str(told.value) == f"{REFUSED}\nOther logins do not work either:\n" + "\n".join(
        f"  port 922 as {name}: {DENIED}" for name in ("root", "ann", "cleo")
    )


def test_a_host_that_is_not_reached_by_ssh_has_one_way(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Hosts(monkeypatch, Way(None, "root"), Way(22, "ann"), 22)
    host.action._connection.transport = "containers.podman.podman"
    with pytest.raises(AnsibleConnectionFailure):
        host.reach(slipway_people=PEOPLE)
    assert len(host.tried) == 1


def test_what_to_write_into_the_inventory_is_said() -> None:
    assert ways.advice(Way(None, "root"), Way(922, "ann")) == (
        "the login from the inventory does not work, but port 922 as ann does; write ansible_port: 922 and ansible_user: ann"
        " into the inventory"
    )
    assert "ansible_port" not in ways.advice(Way(None, "root"), Way(22, "ann"))
