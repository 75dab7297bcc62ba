# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the cluster's files and server go through: refused files are put back, restarts happen only when needed."""

from __future__ import annotations

import grp
import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._postgres import cluster as clusters
from ansible_collections.slipway.flask.plugins.module_utils._postgres import server as servers
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster, PostgresError

SETTINGS = {"work_mem": "4MB"}


class Server:
    """A server that answers what a real one would; `refuses` makes its program refuse the configuration."""

    def __init__(self, folder: Path) -> None:
        self.commands: list[str] = []
        self.loaded = 0.0
        self.pending: list[str] = []
        self.hba: list[str] = []
        self.refuses = False
        self.in_use = True
        self.cluster = type("Here", (Cluster,), {"folder": folder})("17", "main", 5432, True, "/nonexistent")

    def run(self, command: list[str], stdin: str = "", user: str = "") -> str:
        self.commands.append(" ".join(command[:2]))
        if command[0].endswith("/postgres") and self.refuses:
            raise PostgresError("invalid value")
        if command[:2] == ["systemctl", "restart"]:
            self.pending = []
        return "enabled\n" if command[0] == "systemctl" else ""

    def psql(self, _cluster: Cluster, sql: str, database: str = "postgres", path: str = "pg_catalog") -> str:
        if sql == servers.DATABASES:
            return '["postgres", "shop"]'
        if sql == servers.HAS_TABLES:
            return "t\n" if database == "shop" and self.in_use else "f\n"
        if "pg_reload_conf" in sql:
            self.commands.append("reload")
            self.loaded = 4e9
            return ""
        if sql.startswith("SELECT extract"):
            return str(self.loaded)
        return json.dumps({"settings": SETTINGS, "pending": self.pending, "overridden": {}, "hba": self.hba,
                           "sockets": "/run", "loaded": self.loaded})  # fmt: skip


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A running cluster whose files are in a temporary folder."""
    made = Server(tmp_path)
    (tmp_path / "pg_hba.conf").write_text("local all all peer\n")
    monkeypatch.setattr(clusters, "SUPERVISION", tmp_path / "unit.d/slipway.conf")
    monkeypatch.setattr(clusters, "find_cluster", lambda _: made.cluster)
    for part in (clusters, servers):
        monkeypatch.setattr(part, "run", made.run)
        monkeypatch.setattr(part, "SUPERUSER", grp.getgrgid(os.getgid()).gr_name)
    monkeypatch.setattr(servers, "psql", made.psql)
    monkeypatch.setattr(os, "chown", lambda *_: None)
    return made


def ensure(**options: Any) -> clusters.Outcome:
    """Ask for one drop-in and one pg_hba.conf."""
    return clusters.ensure("", SETTINGS, "work_mem = '4MB'\n", "local all postgres peer\n", "C.UTF-8", **options)


def test_files_are_written_checked_and_loaded(server: Server, tmp_path: Path) -> None:
    outcome = ensure()
    assert outcome.changed
    assert outcome.reloaded
    assert not outcome.restarted
    assert (tmp_path / "conf.d/slipway.conf").read_text() == "work_mem = '4MB'\n"
    assert (tmp_path / "pg_hba.conf").stat().st_mode & 0o777 == 0o640
    if os.getuid() == 0:
        assert not ensure().changed


def test_check_mode_changes_nothing(server: Server, tmp_path: Path) -> None:
    outcome = ensure(check=True)
    assert outcome.changed
    assert len(outcome.diff) == 3
    assert not (tmp_path / "conf.d").exists()
    assert "reload" not in server.commands


@pytest.mark.parametrize(
    ("restart", "in_use", "restarted"),
    [(True, True, True), (True, False, True), (False, True, False), (False, False, True)],
)
def test_a_server_in_use_is_restarted_only_when_that_is_allowed(
    server: Server, restart: bool, in_use: bool, restarted: bool
) -> None:
    server.pending, server.in_use = ["shared_buffers"], in_use
    outcome = ensure(restart=restart)
    assert outcome.restarted is restarted
    assert outcome.pending == ([] if restarted else ["shared_buffers"])
    warnings = " ".join(outcome.warnings)
    assert ("must be restarted for: shared_buffers" in warnings) is not restarted
    assert ("-e postgres_server_restart=true" in warnings) is not restarted


@pytest.mark.parametrize("broken", ["conf", "hba"])
def test_refused_files_are_put_back(server: Server, tmp_path: Path, broken: str) -> None:
    server.refuses = broken == "conf"
    server.hba = ["line 3: invalid"] if broken == "hba" else []
    with pytest.raises(PostgresError, match="put back as they were"):
        ensure()
    assert not (tmp_path / "conf.d/slipway.conf").exists()
    assert (tmp_path / "pg_hba.conf").read_text() == "local all all peer\n"
    assert "systemctl restart" not in server.commands


def test_reload_that_a_killed_run_left_out_is_made_up_for(server: Server) -> None:
    ensure()
    server.loaded = 0.0
    assert ensure().reloaded


def test_start_that_fails_shows_the_log(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], stdin: str = "", user: str = "") -> str:
        if command[1] == "restart":
            raise PostgresError("see journalctl")
        return server.run(command)

    monkeypatch.setattr(servers, "run", run)
    monkeypatch.setattr(servers, "log_tail", lambda _: "could not map anonymous shared memory")
    server.pending = ["shared_buffers"]
    with pytest.raises(PostgresError, match="could not map anonymous shared memory"):
        ensure(restart=True)
    assert not (tmp_path / "conf.d/slipway.conf").exists()


START = [  # what systemd says of the unit, look by look, and whether the server answers after them
    (["inactive\nJob=7", "activating\nJob=7"], True),  # systemd has not come to it yet
    (["activating\nJob=7"], True),
    (["inactive\nJob=7", "inactive"], False),  # Debian's unit ignores that it failed
    (["activating\nJob=7", "failed"], False),
]


@pytest.mark.parametrize(("said", "answers"), START)
def test_a_start_is_over_when_the_server_answers(
    server: Server, monkeypatch: pytest.MonkeyPatch, said: list[str], answers: bool
) -> None:
    looks, commands = list(said), []

    def run(command: list[str], stdin: str = "", user: str = "") -> str:
        commands.append(command)
        return f"ActiveState={looks.pop(0)}\n" if command[1] == "show" else ""

    def psql(*_: Any) -> str:
        if looks or not answers:
            raise PostgresError("connection refused")
        return "1"

    monkeypatch.setattr(servers, "run", run)
    monkeypatch.setattr(servers, "psql", psql)
    monkeypatch.setattr(servers, "log_tail", lambda _: "no space left on device")
    monkeypatch.setattr(servers.time, "sleep", lambda _: None)
    if answers:
        servers.start(server.cluster, "start")
    else:
        with pytest.raises(PostgresError, match="no space left on device"):
            servers.start(server.cluster, "start")
    assert looks == []
    assert commands[0] == ["systemctl", "--no-block", "start", "postgresql@17-main.service"]
