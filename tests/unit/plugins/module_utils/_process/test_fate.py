# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What has become of a unit, from what systemd and the kernel say of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._process import fate

UNIT = "shop.worker@0001-a.service"
EVENTS = "low 0\nhigh 0\nmax 9\noom 2\noom_kill {}\noom_group_kill 0\n"


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What systemd says of the unit."""
    told = {
        "ActiveState": "active",
        "NRestarts": "0",
        "ActiveEnterTimestampMonotonic": "5000000",
        "ControlGroup": "/a/b",
    }
    monkeypatch.setattr(fate, "CGROUPS", tmp_path)
    monkeypatch.setattr(systemd, "properties", lambda unit, *names: told)
    monkeypatch.setattr(fate, "told_of", lambda unit, run: run == "starved")
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/memory.events").write_text(EVENTS.format(0))
    return told


def test_one_that_runs_has_since_it_was_started(shown: dict[str, str]) -> None:
    found = fate.of(UNIT)
    assert (found.runs, found.since) == (True, 5.0)
    shown["NRestarts"] = "1"
    assert not fate.of(UNIT).runs
    shown.update(NRestarts="0", ActiveState="activating")
    assert (fate.of(UNIT).runs, fate.of(UNIT).said()) == (False, f"{UNIT} ended")


@pytest.mark.parametrize(
    ("more", "starts"),
    [
        ({"ActiveState": "deactivating", "SubState": "stop-sigterm"}, True),
        ({"ActiveState": "inactive", "SubState": "dead", "Job": "77"}, True),
        ({"ActiveState": "activating", "SubState": "start", "Job": "77"}, True),
        ({"ActiveState": "inactive", "SubState": "dead", "Job": "0"}, False),
        ({"ActiveState": "activating", "SubState": "auto-restart", "Job": "0"}, False),
        ({"ActiveState": "activating", "SubState": "auto-restart", "Job": "78"}, False),
        ({"ActiveState": "activating", "SubState": "start", "Job": "78", "NRestarts": "1"}, False),
        ({"ActiveState": "failed", "SubState": "failed", "Job": "0"}, False),
    ],
)
def test_one_that_was_told_to_start_while_it_had_yet_to_end_is_told_from_one_that_ended(
    shown: dict[str, str], more: dict[str, str], starts: bool
) -> None:
    shown.update(more)
    assert fate.of(UNIT).starts is starts


def test_one_that_lost_a_child_for_its_memory_does_not_count_as_running(shown: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "a/b/memory.events").write_text(EVENTS.format(1))
    shown["MemoryMax"] = str(100 * 2**20)
    found = fate.of(UNIT)
    assert (found.runs, found.said()) == (
        False, f"{UNIT} ran out of memory and was killed; it may use 100 MB (memory_max_mb)"
    )  # fmt: skip
    shown["MemoryMax"] = "infinity"
    assert fate.of(UNIT).said() == f"{UNIT} ran out of memory and was killed"


def test_of_one_that_ended_the_journal_tells(shown: dict[str, str]) -> None:
    shown.update(ActiveState="activating", ControlGroup="", InvocationID="starved")
    assert "ran out of memory" in fate.of(UNIT).said()


def test_only_systemd_itself_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, "killed\n", "")

    monkeypatch.setattr(subprocess, "run", run)
    assert fate.told_of(UNIT, "f00")
    assert {"_PID=1", f"UNIT={UNIT}", "INVOCATION_ID=f00"} <= set(asked[0]), "anybody can write what has no underscore"


def test_where_no_memory_is_counted_nothing_is_known_of_it(shown: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "a/b/memory.events").unlink()
    assert fate.of(UNIT).runs
