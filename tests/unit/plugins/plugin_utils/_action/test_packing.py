# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Modules are packed beside the run, and whatever goes wrong there goes wrong in the task that needs them."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible.plugins.connection import ConnectionBase
from ansible_collections.slipway.flask.plugins.plugin_utils._action import kept, packing


class Action:
    """An action over a connection, which notes in a file what it is asked to pack, and can't pack one of them."""

    def __init__(self, note: Path) -> None:
        self._connection, self.note = MagicMock(spec=ConnectionBase), note

    def _configure_module(self, name: str, arguments: dict[str, Any], task_vars: dict[str, Any]) -> None:
        if name.endswith("broken"):
            raise OSError("it is not there")
        with self.note.open("a") as file:
            file.write(f"{name} by {'us' if os.getpid() == PID else 'another process'}\n")


PID = os.getpid()


def packed(note: Path, count: int) -> list[str]:
    """Return what was packed, as soon as it is so many, or after a minute."""
    until = time.monotonic() + 60
    while time.monotonic() < until and (not note.exists() or len(note.read_text().splitlines()) < count):
        time.sleep(0.01)
    return note.read_text().splitlines()


@pytest.fixture
def note(tmp_path: Path) -> Path:
    return tmp_path / "packed"


def children() -> set[int]:
    return {int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}


def test_modules_are_packed_by_another_process_past_one_that_can_not_be(note: Path) -> None:
    packing.ahead(Action(note), ["one", "broken", "two"], {})  # type: ignore[arg-type]
    assert packed(note, 2) == [f"slipway.flask.{name} by another process" for name in ("one", "two")]


def test_a_run_that_is_over_by_then_finds_nothing_packed_in_its_place(
    note: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = subprocess.Popen(["sleep", "600"])
    monkeypatch.setattr(packing.os, "getppid", lambda: run.pid)
    monkeypatch.setattr(packing.constants, "DEFAULT_LOCAL_TMP", str(tmp_path / "local"))
    action, gate = Action(note), tmp_path / "gate"
    os.mkfifo(gate)

    def pack(name: str, arguments: dict[str, Any], task_vars: dict[str, Any]) -> None:
        Action._configure_module(action, name, arguments, task_vars)
        gate.read_text()
        (tmp_path / "local/cache").mkdir(parents=True)

    monkeypatch.setattr(action, "_configure_module", pack)
    others = children()  # of tests that have run in this process
    packing.ahead(action, ["one", "two"], {})  # type: ignore[arg-type]
    assert packed(note, 1) == ["slipway.flask.one by another process"]
    run.kill()
    run.wait()
    gate.write_text("")
    end = time.monotonic() + 60
    while (packing_it := children() - others) and time.monotonic() < end:
        os.waitpid(packing_it.pop(), 0)
    assert not (tmp_path / "local").exists()
    assert len(packed(note, 1)) == 1


def test_the_code_of_a_release_is_packed_only_for_a_host_that_lacks_it(
    note: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(packing, "ahead", lambda action, names, task_vars: asked.append(list(names)))
    packing.release(MagicMock(), [f"release-{kept.key()}.cpython-313.zip"], {})
    assert asked == []
    packing.release(MagicMock(), ["release-0ld.cpython-313.zip"], {})
    assert asked == [["release_on_host"]]


def test_every_module_that_is_packed_is_one_of_the_collection() -> None:
    modules = Path(packing.packed.PLUGINS / "modules")
    assert [name for name in (packing.BASELINE, *packing.PROVISION) if not (modules / f"{name}.py").is_file()] == []
