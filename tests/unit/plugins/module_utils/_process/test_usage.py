# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a unit takes of its host."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._process import usage

SHOWN = "ActiveState=active\nNRestarts=2\nMainPID=100\nMemoryCurrent=[not set]\n"


@pytest.mark.parametrize(
    ("shown", "memory"), [("MemoryCurrent=5000", 5000), ("MemoryCurrent=18446744073709551615", 70), ("", 70)]
)
def test_service_counts_workers_and_memory(shown: str, memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def systemctl(*arguments: str) -> SimpleNamespace:
        return SimpleNamespace(stdout=SHOWN.replace("MemoryCurrent=[not set]", shown))

    monkeypatch.setattr(systemd, "systemctl", systemctl)
    # 100 has two workers, one of which runs a program of its own; 7 belongs to somebody else.
    monkeypatch.setattr(usage, "processes", lambda: {100: 1, 101: 100, 102: 100, 103: 102, 7: 1})
    monkeypatch.setattr(usage, "memory", {100: 10, 101: 20, 102: 30, 103: 10, 7: 999}.get)
    found = usage.of_unit("shop@0001-abc.service")
    assert found == {"state": "active", "restarts": 2, "workers": 2, "memory": memory}


def test_a_stopped_service_has_neither_workers_nor_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = "ActiveState=inactive\nNRestarts=0\nMainPID=0\nMemoryCurrent=[not set]\n"
    monkeypatch.setattr(systemd, "systemctl", lambda *_: SimpleNamespace(stdout=shown))
    found = usage.of_unit("shop@0001-abc.service")
    assert found == {"state": "inactive", "restarts": 0, "workers": 0, "memory": None}


def test_processes_and_their_memory_are_read_from_the_kernel() -> None:
    assert usage.processes()[os.getpid()] == os.getppid()
    taken = usage.memory(os.getpid())
    assert taken is not None
    assert 2**20 < taken < 2**32


def test_memory_of_kernels_without_a_rollup_is_what_is_resident(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "PROC", tmp_path)
    (tmp_path / "5").mkdir()
    (tmp_path / "5/statm").write_text("900 30 10 1 0 20 0\n")
    (tmp_path / "5/stat").write_text("5 (a) name) S 1 5 5\n")
    assert usage.memory(5) == 30 * os.sysconf("SC_PAGE_SIZE")
    assert usage.memory(6) is None
    assert usage.processes() == {5: 1}
