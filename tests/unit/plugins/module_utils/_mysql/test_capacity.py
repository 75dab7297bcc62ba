# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How many connections MySQL and MariaDB take, and how many the host's own is made for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._database import budget, capacity
from ansible_collections.slipway.flask.plugins.module_utils._database.budget import Beside, Budget, Need, Pool
from ansible_collections.slipway.flask.plugins.module_utils._mysql import names, server, sizing
from ansible_collections.slipway.flask.plugins.module_utils._mysql.places import SOCKET

LOCAL = f"mysql+pymysql://shop@localhost/shop?unix_socket={SOCKET}"
SAID = [
    ["most", "151"], ["limit", "0"], ["connected", "shop", "shop", "4"], ["connected", "blog", "blog", "2"],
    ["Threads_connected", "9"], ["limit", "30"],
]  # fmt: skip


def test_the_hosts_own_server_is_asked_as_root_who_sees_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[str]()
    monkeypatch.setattr(names, "sql", lambda text, seconds: asked.append(text) or SAID)
    found = capacity.ask(LOCAL, "shop")
    assert found and (found.place, found.most, found.kept, found.role_limit) == (SOCKET, 151, 0, 30)
    assert found.connected == {("shop", "shop"): 4, ("blog", "blog"): 2, ("", ""): 2}
    assert found.is_local and "User = 'shop'" in asked[0]


def test_a_server_elsewhere_is_asked_as_the_app_without_its_password_among_the_arguments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = list[tuple[list[str], str, dict[str, str]]]()

    def run(command: list[str], stdin: str, user: str, seconds: float, environment: dict[str, str]) -> str:
        asked.append((command, user, environment))
        return "most\t100\nlimit\t0\nconnected\tu\tshop\t1\nThreads_connected\t60\n"

    monkeypatch.setattr(names, "find_client", lambda: "mariadb")
    monkeypatch.setattr(names, "run", run)
    found = capacity.ask("mysql://u:secret@db.example.com/shop", "shop")
    assert found and (found.place, found.role_limit, found.used) == ("db.example.com:3306", capacity.NO_LIMIT, 59)
    ((command, user, environment),) = asked
    assert user == "shop" and environment == {"MYSQL_PWD": "secret"} and "secret" not in " ".join(command)


@pytest.mark.parametrize("said", [[], [["most", "x"]], [["most", "5"]]])
def test_a_server_that_answers_something_else_is_no_failure(
    said: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "sql", lambda text, seconds: said)
    assert capacity.ask(LOCAL, "shop") is None


def test_an_app_over_the_budget_is_told_what_mariadb_calls_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "sql", lambda text, seconds: SAID)
    server = capacity.ask(LOCAL, "shop")
    assert server
    wanted = Budget([Need("web", 8, 10)], [Pool(15)])
    assert "its role shop may have 30 (ALTER USER … WITH MAX_USER_CONNECTIONS)" in budget.shortage(
        wanted, server, Beside({})
    )
    told = budget.ways(wanted, server, server.is_local, 11)
    assert "`mariadb_server_max_connections: 170`" in told and "pgbouncer" not in told


@pytest.mark.parametrize(
    ("wanted", "memory_mb", "before", "connections", "short"),
    [
        (0, 1024, 0, 100, False),
        (95, 2048, 0, 110, False),
        (95, 2048, 200, 200, False),  # never lowered: that would need a restart
        (300, 1024, 0, 100, True),
        (300, 8192, 0, 310, False),
    ],
)
def test_the_server_takes_what_its_apps_may_open_as_far_as_memory_goes(
    wanted: int, memory_mb: int, before: int, connections: int, short: bool
) -> None:
    found, told = sizing.size(wanted, memory_mb, before)
    assert found == connections and bool(told) == short
    assert not short or f"({memory_mb} MB) allows {found}" in told


def test_what_a_run_before_has_written_is_found(tmp_path: Path) -> None:
    assert sizing.written(tmp_path / "none") == 0
    (tmp_path / "90.cnf").write_text("[mariadbd]\nmax_connections = 140\n")
    assert sizing.written(tmp_path / "90.cnf") == 140


BEFORE = "# Written\n[mariadbd]\nlocal_infile = OFF\nmax_connections = 100\nwait_timeout = 60\n"


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (BEFORE.replace("= 100", "= 140"), 140),
        (BEFORE, 0),
        (BEFORE.replace("= 100", "= 140").replace("= 60", "= 90"), 0),
        ("", 0),
    ],
)
def test_a_change_of_nothing_but_the_connections_is_known(after: str, found: int) -> None:
    assert sizing.only_connections(BEFORE, after) == found


@pytest.mark.parametrize("check", [False, True])
def test_more_connections_need_no_restart_that_cuts_those_there_are(
    check: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf, said = tmp_path / "90.cnf", list[str]()
    conf.write_text(BEFORE)
    os.utime(conf, (1000, 1000))
    monkeypatch.setattr(server, "CONF", conf)
    monkeypatch.setattr(server, "READS", ["true"])
    monkeypatch.setattr(server, "since", lambda: 2000.0)
    monkeypatch.setattr(server, "_start", said.append)
    monkeypatch.setattr(names, "sql", said.append)
    outcome = server.Outcome()
    server._bring(outcome, BEFORE.replace("= 100", "= 140"), restart=True, check=check)
    assert outcome.changed_files == [str(conf)] and not outcome.restarted
    assert said == ([] if check else ["SET GLOBAL max_connections = 140;"])
    if not check:
        assert "max_connections = 140" in conf.read_text()
        server._bring(again := server.Outcome(), BEFORE.replace("= 100", "= 140"), restart=True, check=False)
        assert not again.changed and len(said) == 1
        server._bring(server.Outcome(), BEFORE.replace("= 60", "= 90"), restart=True, check=False)
        assert said[1:] == ["restart"]
