# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host.instance import (
    Instance,
    InstanceError,
    execute,
    started_at,
)

UNIT = "shop@7.service"
RUNNING = {
    "LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled", "NeedDaemonReload": "no",
    "MainPID": "42",
}  # fmt: skip


class Systemd:
    """A systemd that knows one unit and takes note of what it is told."""

    def __init__(self, fails: str = "", **state: str) -> None:
        self.state = RUNNING | state
        self.fails = fails
        self.told: list[str] = []

    def __call__(self, argv: Sequence[str]) -> tuple[int, str]:
        if argv[1] == "show":
            return 0, "\n".join(f"{name}={value}" for name, value in self.state.items())
        if "--show-cursor" in argv:
            return 0, "-- cursor: s=1;i=2"
        if "--sync" in argv:
            return 0, ""
        if argv[0] == "journalctl":
            assert "--after-cursor=s=1;i=2" in argv
            return 0, "ModuleNotFoundError: No module named 'shop'"
        self.told.append(argv[1])
        return (1, "Job failed.") if argv[1] == self.fails else (0, "")


def ensure(systemd: Systemd, files: Sequence[str] = (), **more: Any) -> list[str]:
    return Instance(UNIT, files, run=systemd, **more).ensure()


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({}, []),
        ({"UnitFileState": "disabled"}, ["enable"]),
        ({"ActiveState": "inactive", "MainPID": "0"}, ["restart"]),
        ({"ActiveState": "activating", "MainPID": "0"}, ["restart"]),
        ({"NeedDaemonReload": "yes"}, ["daemon-reload"]),
        ({"ActiveState": "failed", "UnitFileState": "disabled"}, ["enable", "restart"]),
    ],
)
def test_only_what_is_needed_is_done(state: dict[str, str], told: list[str]) -> None:
    systemd = Systemd(**state)
    assert len(ensure(systemd, start_of=lambda pid: 0.0)) == len(told)
    assert systemd.told == told


def test_a_file_younger_than_the_process_restarts_it(tmp_path: Path) -> None:
    file = tmp_path / "environment"
    file.touch()
    files = [str(file), str(tmp_path / "absent")]
    systemd = Systemd()
    now = time.time()
    assert ensure(systemd, files, start_of=lambda pid: now) == []
    os.utime(file, (now + 5, now + 5))
    assert ensure(systemd, files, start_of=lambda pid: now) == [f"{UNIT} restarted"]


def test_check_mode_only_tells() -> None:
    systemd = Systemd(LoadState="not-found", UnitFileState="", ActiveState="inactive", MainPID="0")
    assert ensure(systemd, check=True) == [f"{UNIT} enabled", f"{UNIT} started"]
    assert systemd.told == []


def test_a_failed_start_shows_the_journal() -> None:
    with pytest.raises(InstanceError, match="(?s)restart shop@7.service. failed: Job failed.*No module named 'shop'"):
        ensure(Systemd(fails="restart", ActiveState="failed"))


def test_a_unit_that_cannot_be_loaded_is_told() -> None:
    with pytest.raises(InstanceError, match="can't load shop@7.service: bad-setting"):
        ensure(Systemd(LoadState="bad-setting"))


def test_no_systemd_is_told() -> None:
    with pytest.raises(InstanceError, match="does not answer"):
        Instance(UNIT, run=lambda argv: (1, "System has not been booted with systemd")).ensure()


def test_started_at_agrees_with_the_clock() -> None:
    assert abs(started_at(os.getpid()) - time.time()) < 600


def test_execute_returns_status_and_text() -> None:
    assert execute(["sh", "-c", "echo out; echo err >&2; exit 3"]) == (3, "out\nerr")


def test_a_process_with_an_odd_name_has_started_as_well(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7/stat").write_bytes(b"7 (\xff) x) S " + b" ".join([b"0"] * 18) + b" 500 0\n")
    (tmp_path / "stat").write_text("cpu 1\nbtime 1000\n")
    assert started_at(7, tmp_path) == 1000 + 500 / os.sysconf("SC_CLK_TCK")
