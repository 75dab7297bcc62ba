# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Taking a host out of balancing and putting it back: what is refused, what is kept, what HAProxy is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._edge import hold, runtime, turn
from ansible_collections.slipway.flask.plugins.module_utils._edge.hold import Out
from ansible_collections.slipway.flask.plugins.module_utils._edge.runtime import Server

BACKENDS = ("shop", "shop.once", "shop.any")


def server(host: str, backend: str = "shop", status: str = "UP", sessions: int = 0) -> Server:
    return Server(backend, host, status, sessions, "L7OK 200")


class Proxy:
    """An HAProxy with two hosts, whose requests end one by one."""

    def __init__(self, sessions: int = 0) -> None:
        self.status = {(backend, host): "UP" for backend in BACKENDS for host in ("web1", "web2")}
        self.sessions, self.told = sessions, list[str]()

    def servers(self) -> list[Server]:
        self.sessions = max(0, self.sessions - 1)
        return [
            server(host, backend, status, self.sessions if (backend, host) == ("shop.once", "web2") else 0)
            for (backend, host), status in self.status.items()
        ]

    def tell(self, command: str) -> None:
        self.told.append(command)
        _, _, place, _, state = command.split()
        backend, host = place.split("/")
        self.status[backend, host] = "MAINT" if state == "maint" else "UP"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "20-out.cfg"


def test_a_host_is_out_of_every_backend_when_what_it_had_begun_has_ended(file: Path) -> None:
    proxy = Proxy(sessions=3)
    assert turn.take_out("web2", "ann@laptop", 10, file, proxy.servers, proxy.tell) == {"changed": True, "left": 0}
    assert {host for (_, host), status in proxy.status.items() if status == "MAINT"} == {"web2"}
    assert hold.read(file)["web2"].by == "ann@laptop"
    assert "    setenv SLIPWAY_HOST_web2 disabled\n" in file.read_text()
    assert turn.take_out("web2", "bob@laptop", 10, file, proxy.servers, proxy.tell)["changed"] is False
    assert hold.read(file)["web2"].by == "ann@laptop"


def test_requests_that_do_not_end_are_told(file: Path) -> None:
    assert turn.take_out("web2", "ann", 0, file, (proxy := Proxy(sessions=9)).servers, proxy.tell)["left"] == 7


def test_it_is_out_after_a_restart_even_if_haproxy_could_not_be_told(file: Path) -> None:
    def fails(_: str) -> None:
        raise runtime.RuntimeApiError

    with pytest.raises(runtime.RuntimeApiError):
        turn.take_out("web2", "ann", 0, file, Proxy().servers, fails)
    assert set(hold.read(file)) == {"web2"}


def test_a_host_is_put_back_and_the_others_stay_out(file: Path) -> None:
    hold.write({"web1": Out("2026-11-27T05:00:00Z", "ann"), "web2": Out("2026-11-27T05:00:00Z", "ann")}, file)
    proxy = Proxy()
    proxy.status = dict.fromkeys(proxy.status, "MAINT")
    assert turn.take_in("web2", file, proxy.servers, proxy.tell)["changed"]
    assert proxy.told[0] == "set server shop/web2 state ready"
    assert {host for (_, host), status in proxy.status.items() if status == "UP"} == {"web2"}
    assert set(hold.read(file)) == {"web1"}


@pytest.mark.parametrize(
    ("others", "out", "refused"),
    [
        ([server("web2")], [], False),
        ([server("web2", status="UP 1/2")], [], False),
        ([server("web2", status="DOWN")], [], True),
        ([server("web2")], ["web2"], True),
        ([server("web2", "blog")], [], True),
        ([], [], True),
    ],
)
def test_the_last_host_that_serves_an_app_stays(others: list[Server], out: list[str], refused: bool) -> None:
    found = turn.out_problems("web1", [server("web1"), server("web1", "shop.once"), *others], out)
    assert bool(found) == refused
    assert not turn.out_problems("web1", [server("web1"), *others], out, force=True)


def test_an_unknown_host_is_refused_even_by_force() -> None:
    (text,) = turn.out_problems("web3", [server("web1"), server("web2")], [], force=True)
    assert text == "this edge balances no host 'web3'; it has web1, web2"


def test_a_host_that_is_not_well_is_not_put_back() -> None:
    entries = [{"name": "shop", "hosts": [{"name": "web2"}, {"name": "web1"}], "check": {}}]
    assert turn.in_problems("web2", entries, "", lambda *_: "answers 502 at /") == [
        "web2 is not well: shop answers 502 at /"
    ]
    assert turn.in_problems("web2", entries, "", lambda *_: "") == []


def test_each_state_is_told(file: Path) -> None:
    hold.write({"web3": Out("2026-11-27T05:00:00Z", "ann")}, file)
    found = [
        server("web1", sessions=2), server("web1", "shop.once", sessions=1), server("web2", status="DOWN"),
        server("web3", status="MAINT"), server("web3", "shop.once", "MAINT (via shop/web3)"),
    ]  # fmt: skip
    told = turn.status(file, lambda: found)["shop"]
    assert {host: (one["state"], one["requests"]) for host, one in told.items()} == {
        "web1": ("in", 3), "web2": ("failing", 0), "web3": ("out", 0),
    }  # fmt: skip
    assert told["web3"]["by"] == "ann"


def test_no_two_hosts_share_a_variable() -> None:
    names = ["web-1", "web_1", "web.1", "web1", "web_2d1"]
    assert len({hold.variable(name) for name in names}) == len(names)


def test_the_answer_of_haproxy_is_read() -> None:
    text = (
        "# pxname,svname,qcur,qmax,scur,smax,status,check_status,check_code,\n"
        "shop.in,FRONTEND,,,3,4,OPEN,,,\n"
        "shop,web1,1,0,2,4,UP,L7OK,200,\n"
        "shop.once,web1,0,0,0,1,no check,,,\n"
        "shop,BACKEND,0,0,0,0,UP,,,\n\n"
    )
    first, second = runtime.parse(text)
    assert (first.host, first.status, first.sessions, first.check, first.checked) == ("web1", "UP", 3, "L7OK 200", True)
    assert (second.app, second.checked) == ("shop", False)


def test_an_haproxy_that_does_not_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(runtime.RuntimeApiError, match="systemctl status slipway-edge"):
        runtime.servers(tmp_path / "none.sock")
