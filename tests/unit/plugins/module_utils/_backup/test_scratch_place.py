# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Scratch clusters that killed runs have left are removed; one that somebody has is not touched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import places, scratch_place
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from fake_tools import Tools


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: Tools) -> None:
    monkeypatch.setattr(places, "STATE", tmp_path / "state")
    monkeypatch.setattr(places, "SCRATCH", tmp_path / "scratch")
    tool("systemctl", "")


def left(number: int) -> Path:
    folder = places.SCRATCH / str(number)
    (folder / "data").mkdir(parents=True)
    return folder


def test_what_a_killed_run_has_left_is_removed_and_what_somebody_has_is_not() -> None:
    kept, lock = left(1), scratch_place._locked(1)
    gone = left(2)
    assert scratch_place.sweep() == [2]
    assert kept.exists()
    assert not gone.exists()
    assert lock is not None
    lock.close()
    assert scratch_place.sweep() == [1]


def test_each_owner_has_a_number_of_its_own_and_finds_nothing_there() -> None:
    folder = left(1)
    first, lock = scratch_place.claim()
    second, other = scratch_place.claim()
    assert (first, second) == (1, 2)
    assert not folder.exists()
    lock.close()
    other.close()


def test_there_is_an_end_to_how_many_there_are() -> None:
    locks = [scratch_place.claim()[1] for _ in range(scratch_place.MOST)]
    with pytest.raises(BackupError, match="9 scratch clusters are in use"):
        scratch_place.claim()
    for lock in locks:
        lock.close()


def test_a_restore_that_has_outlived_its_owner_is_ended() -> None:
    folder = left(3)
    code = "import time; print('up', flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code, f"--pg1-path={folder}/data"], stdout=subprocess.PIPE) as restore:
        assert restore.stdout is not None
        restore.stdout.readline()
        # It is a child of ours, so that it stays in the list of processes until somebody asks how it ended: as a zombie,
        # whose arguments are gone.
        assert scratch_place.sweep() == [3]
        assert restore.wait() == -9
