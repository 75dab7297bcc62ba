# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PostgreSQL and the backups, as the host has them."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData, Settings, Target
from ansible_collections.slipway.flask.plugins.module_utils._backup.state import Outcome
from ansible_collections.slipway.flask.plugins.module_utils._metrics import backups, places, postgres, replication
from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import App, Config
from ansible_collections.slipway.flask.plugins.module_utils._metrics.sample import Sample
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster, PostgresError

SHOP = App("shop", "/srv/shop", "/etc/shop", database="shop")
ROW = {
    "datname": "shop",
    "xact_commit": 5,
    "xact_rollback": 1,
    "blks_hit": 9,
    "blks_read": 2,
    "deadlocks": 0,
    "temp_bytes": 0,
}
NOW = {"most": 100, "activity": [{"datname": "shop", "state": "idle", "count": 3, "seconds": 1.5}], "databases": [ROW]}
SLOW = [
    {
        "datname": "shop",
        "queryid": "-5",
        "query": "SELECT * FROM t WHERE a = 'secret' AND b = $1",
        "seconds": 2.5,
        "calls": 4,
    }
]


class Server:
    """Answers what the part asks, and counts; with `down` it doesn't."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.down, self.has_statements = False, True

    def __call__(self, cluster: Cluster, sql: str, seconds: float) -> str:
        if self.down:
            raise PostgresError("psql failed")
        self.asked.append(sql)
        answers: dict[str, Any] = {
            "max_connections": NOW, "pg_database_size": [{"datname": "shop", "bytes": 8000}],
            "quote_ident": {"schema": "public" if self.has_statements else None}, "total_exec_time": SLOW,
        }  # fmt: skip
        return json.dumps(next(answers[word] for word in answers if word in sql))


@pytest.fixture(name="server")
def _server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(postgres, "psql", server)
    monkeypatch.setattr(postgres, "find_cluster", lambda wanted: Cluster("17", "main", 5432, True, ""))
    return server


def values(samples: Iterable[Sample], *labels: str) -> dict[tuple[str, ...], float]:
    return {(one.name, *(one.labels.get(name, "") for name in labels)): one.value for one in samples}


def test_postgresql_is_told_under_the_names_that_dashboards_know(server: Server) -> None:
    found = list(postgres.Postgres(Config(apps=[SHOP])).samples(0))
    told = values(found, "datname")
    assert told["pg_up", ""] == 1
    assert told["pg_settings_max_connections", ""] == 100
    assert (told["pg_stat_activity_count", "shop"], told["pg_stat_activity_max_tx_duration", "shop"]) == (3, 1.5)
    assert told["pg_database_size_bytes", "shop"] == 8000
    assert {one.kind for one in found if one.name.startswith("pg_stat_database_")} == {"counter"}
    assert told["slipway_pg_statement_calls_total", "shop"] == 4


def test_a_statement_is_told_without_the_values_in_it(server: Server) -> None:
    found = [one for one in postgres.Postgres(Config(apps=[SHOP])).samples(0) if "statement" in one.name]
    assert {one.labels["query"] for one in found} == {"SELECT * FROM t WHERE a = ? AND b = $1"}


def test_sizes_and_statements_are_looked_at_once_a_minute_and_told_meanwhile(server: Server) -> None:
    part = postgres.Postgres(Config(apps=[SHOP]))
    counts = [len(list(part.samples(now))) for now in (0.0, 15.0, 30.0, 45.0, 60.0)]
    assert len(set(counts)) == 1
    assert sum("pg_database_size" in sql for sql in server.asked) == 2
    assert sum("max_connections" in sql for sql in server.asked) == 5


def test_a_server_that_is_down_is_told_and_one_that_comes_back_as_well(server: Server) -> None:
    part = postgres.Postgres(Config(apps=[SHOP]))
    assert values(part.samples(0))["pg_up",] == 1
    server.down = True
    assert values(part.samples(15)) == {("pg_up",): 0}
    server.down = False
    assert values(part.samples(30))["pg_up",] == 1


def test_a_standby_tells_how_far_it_is_behind_and_its_primary_which_are_not_connected() -> None:
    standby = {"in_recovery": True, "lag_seconds": 3.25, "receiver": None, "standbys": []}
    assert values(replication.samples(standby), "standby") == {
        ("pg_replication_is_replica", ""): 1, ("pg_replication_lag_seconds", ""): 3.25, ("slipway_standby_up", ""): 0,
    }  # fmt: skip
    one = {"slot": "slipway_standby_db2", "name": "db2", "state": "streaming", "wal": "reserved", "behind": 5}
    gone = {**one, "slot": "slipway_standby_db3", "name": "", "state": "", "behind": 9}
    found = values(replication.samples({**standby, "in_recovery": False, "standbys": [one, gone]}), "standby")
    assert (found["slipway_standby_up", "db2"], found["slipway_standby_up", "db3"]) == (1, 0)
    assert (found["slipway_standby_behind_bytes", "db2"], found["slipway_standby_behind_bytes", "db3"]) == (5, 9)


def test_without_the_extension_there_are_no_statements_and_without_a_database_nothing_is_asked(server: Server) -> None:
    server.has_statements = False
    assert not [one for one in postgres.Postgres(Config(apps=[SHOP])).samples(0) if "statement" in one.name]
    server.asked.clear()
    assert list(postgres.Postgres(Config(apps=[App("blog", "/srv/blog", "/etc/blog")])).samples(0)) == []
    assert server.asked == []


@pytest.mark.parametrize("said", [json.dumps(NOW), ""], ids=["an answer", "none"])
def test_the_server_is_asked_by_a_psql_that_is_its_own_user(
    server: Server, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """The collector can't become that user: what asks is behind a socket of systemd's."""
    given: list[str] = []

    def answer() -> None:
        with listener, listener.accept()[0] as client:
            given.append(b"".join(iter(lambda: client.recv(4096), b"")).decode())
            client.sendall(said.encode())

    with tempfile.TemporaryDirectory() as folder:  # a socket's path must be short
        monkeypatch.setattr(places, "PSQL", Path(folder) / "psql")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(places.PSQL))
        listener.listen()
        thread = threading.Thread(target=answer)
        thread.start()
        try:
            found = postgres.ask(Cluster("17", "main", 5433, True, ""), "SELECT 1;")
        except PostgresError:
            found = ""
        thread.join()
    assert found == said
    assert given == ["17\n5433\nSET search_path = pg_catalog;\nSELECT 1;\n"]
    assert server.asked == []


ENDED, AT = "2026-11-26T10:00:00Z", 1795687200.0
NEAR, FAR = "/backup", "sftp:b@far.test:/b"


@pytest.fixture(name="host")
def _host(tmp_path: Path) -> Path:
    """What a host with backups to two targets has."""
    targets = [Target("path", "/backup"), Target("sftp", "/b", host="far.test", user="b")]
    apps = [AppData("shop", "shop", database="shop"), AppData("blog", "blog")]
    (tmp_path / "backup.json").write_text(Settings("web1", targets, "x" * 20, apps=apps).as_text())
    (tmp_path / "out").mkdir()
    return tmp_path


def part(host: Path) -> backups.Backups:
    config = Config(output=host / "out", state=host / "kept")
    return backups.Backups(config, host / "state", host / "backup.json", host / "clusters", host / "check.prom")


def ended(host: Path, what: str, *problems: str, at: str = ENDED) -> None:
    Outcome(what, at, at, 1.0, list(problems)).write(host / "state")


@pytest.mark.parametrize(
    ("problems", "failed"),
    [
        ([], {NEAR: 0, FAR: 0}),
        ([f"{FAR}: it can't be reached"], {NEAR: 0, FAR: 1}),
        (["shop: its database can't be dumped"], {NEAR: 1, FAR: 1}),
        ([f"{NEAR}: it is full", f"{FAR}: it can't be reached"], {NEAR: 1, FAR: 1}),
    ],
    ids=["well", "one target", "an app", "both targets"],
)
def test_a_run_is_told_for_each_target(host: Path, problems: list[str], failed: dict[str, float]) -> None:
    ended(host, "run", *problems)
    found = values(part(host).samples(AT), "target")
    assert {name: found["slipway_backup_failed", name] for name in failed} == failed
    good = {name for name in failed if ("slipway_backup_last_success_timestamp_seconds", name) in found}
    assert good == {name for name, value in failed.items() if not value}


def test_when_a_run_last_ended_well_is_known_after_runs_that_failed_and_after_a_restart(host: Path) -> None:
    ended(host, "run")
    list(part(host).samples(AT))
    ended(host, "run", f"{FAR}: it can't be reached", at="2026-11-26T11:00:00Z")
    found = values(part(host).samples(AT), "target")
    assert found["slipway_backup_last_success_timestamp_seconds", FAR] == AT
    assert found["slipway_backup_last_success_timestamp_seconds", NEAR] == AT + 3600
    assert found["slipway_backup_failed", FAR] == 1


def test_a_disk_without_room_for_what_is_kept_hides_no_backup(host: Path) -> None:
    (host / "kept").touch()
    ended(host, "run")
    assert values(part(host).samples(AT), "target")["slipway_backup_failed", NEAR] == 0


@pytest.mark.parametrize(
    ("problems", "failed"),
    [
        ([], {"shop": 0, "blog": 0}),
        ([f"{NEAR}: shop: 3 rows are missing"], {"shop": 1, "blog": 0}),
        ([f"{FAR}: it can't be reached"], {"shop": 1, "blog": 1}),
    ],
    ids=["well", "one app", "a target"],
)
def test_a_drill_is_told_for_each_app(host: Path, problems: list[str], failed: dict[str, float]) -> None:
    ended(host, "drill", *problems)
    found = values(part(host).samples(AT), "app")
    assert {name: found["slipway_drill_failed", name] for name in failed} == failed


def test_wal_that_waits_is_told_with_its_age(host: Path) -> None:
    assert values(part(host).samples(AT))["slipway_archive_waiting_seconds",] == 0
    folder = host / "clusters/17/main/pg_wal/archive_status"
    folder.mkdir(parents=True)
    waiting = folder / "000000010000000000000001.ready"
    waiting.touch()
    since = waiting.stat().st_mtime
    assert values(part(host).samples(since + 90))["slipway_archive_waiting_seconds",] == 90


def test_what_the_check_of_the_backups_writes_is_read_as_well_while_it_is_there(host: Path) -> None:
    (host / "check.prom").write_text("x 1\n")
    one = part(host)
    list(one.samples(AT))
    assert (host / "out/backups-check.prom").read_text() == "x 1\n"
    (host / "check.prom").unlink()
    list(one.samples(AT))
    assert list((host / "out").iterdir()) == []


def test_a_host_without_backups_has_no_series_of_them(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert list(part(tmp_path).samples(AT)) == []
