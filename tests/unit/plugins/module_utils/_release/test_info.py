# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is told of the releases that were: newest first, as many as asked for, with what is still on the host."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._release import info
from ansible_collections.slipway.flask.plugins.module_utils._release.history import append_history
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, Record


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    (tmp_path / "srv/releases").mkdir(parents=True)
    return Paths("shop", tmp_path / "srv", tmp_path / "etc")


def release(paths: Paths, number: int, outcome: str = "deployed", ended: str = "", on_host: bool = True) -> Record:
    """Write a release to the history, and to the host."""
    record = Record(
        f"{number:04d}-abc", "shop", "abcdef", "f", ended=ended, outcome=outcome, heads_after=["0004"],
        seconds={"fetch": 1.04, "build": 2.0}, stage="" if outcome == "deployed" else "gate",
    )  # fmt: skip
    append_history(paths.history, record)
    if on_host:
        paths.release(record.id).mkdir(exist_ok=True)
        record.write(paths.release(record.id) / "release.json")
    return record


def test_history_is_told_from_the_newest_on(paths: Paths) -> None:
    release(paths, 1, on_host=False)
    release(paths, 2)
    release(paths, 3, "failed", on_host=False)
    release(paths, 4)
    paths.current.symlink_to("releases/0004-abc")
    found = info.history_of(paths, 3)
    assert [entry["id"] for entry in found["entries"]] == ["0004-abc", "0003-abc", "0002-abc"]
    assert (found["serving"], found["total"], found["present"]) == ("0004-abc", 4, ["0004-abc", "0002-abc"])
    assert (found["entries"][1]["outcome"], found["entries"][1]["stage"]) == ("failed", "gate")
    assert found["entries"][0]["seconds"] == 3.0
    assert "fingerprint" not in found["entries"][0]
    assert len(info.history_of(paths, 50)["entries"]) == 4


def test_a_release_that_was_never_finished_can_not_be_rolled_back_to(paths: Paths) -> None:
    release(paths, 1, "unfinished")
    (paths.releases / "0002-abc").mkdir()
    assert info.history_of(paths, 20)["present"] == []


def test_a_host_without_the_app_has_no_history(tmp_path: Path) -> None:
    found = info.history_of(Paths("shop", tmp_path / "no", tmp_path / "etc"), 20)
    assert found == {"app": "shop", "serving": "", "present": [], "draining": [], "total": 0, "entries": []}


def test_a_release_serves_since_it_was_switched_to_the_last_time(paths: Paths) -> None:
    assert info.since(paths) == ""
    release(paths, 1, ended="2026-01-01T00:00:00Z")
    release(paths, 2, ended="2026-01-02T00:00:00Z")
    paths.current.symlink_to("releases/0001-abc")
    release(paths, 1, "rolled back", "2026-01-03T00:00:00Z")
    release(paths, 1, "rollback failed", "2026-01-04T00:00:00Z")
    assert info.since(paths) == "2026-01-03T00:00:00Z"


def test_without_a_history_the_record_tells_since_when(paths: Paths) -> None:
    release(paths, 1, ended="2026-01-01T00:00:00Z")
    paths.current.symlink_to("releases/0001-abc")
    paths.history.unlink()
    assert info.since(paths) == "2026-01-01T00:00:00Z"
