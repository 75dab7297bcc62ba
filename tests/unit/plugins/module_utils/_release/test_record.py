# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Releases as folders and records: their order, and what is kept of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._release import record
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, Record


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ([], "0001-abcdef1"),
        (["0001-1111111", "0002-2222222"], "0003-abcdef1"),
        (["0009-1111111", "0002-2222222"], "0010-abcdef1"),
        (["9999-1111111"], "10000-abcdef1"),
        (["10000-1111111", "9999-1111111"], "10001-abcdef1"),
        (["", "current", "x-1"], "0001-abcdef1"),
    ],
)
def test_a_release_is_numbered_after_all_before_it(known: list[str], expected: str) -> None:
    assert record.next_id(known, "abcdef1234567890" * 4) == expected


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths("shop", tmp_path / "srv", tmp_path / "etc")


def test_releases_stand_in_the_order_they_were_made(paths: Paths) -> None:
    assert paths.release_ids() == []
    for name in ("10000-a", "0002-c", "0010-b", "9999-z", "not-a-release", ".0003-x"):
        (paths.releases / name).mkdir(parents=True)
    assert paths.release_ids() == ["0002-c", "0010-b", "9999-z", "10000-a"]


def test_the_current_release_is_what_the_link_says(paths: Paths) -> None:
    assert paths.current_id() == ""
    paths.root.mkdir()
    paths.current.symlink_to("releases/0002-c")
    assert paths.current_id() == "0002-c"


def test_everything_of_a_release_is_named_after_it(paths: Paths, tmp_path: Path) -> None:
    assert paths.environment_file("0001-a") == tmp_path / "etc/releases/0001-a/environment"
    assert paths.settings_of("0001-a") == tmp_path / "etc/releases/0001-a"


def test_the_one_before_is_kept_also_when_it_is_the_oldest() -> None:
    ids = ["0001-a", "0002-b", "0003-c", "0004-d"]
    assert record.to_prune(ids, "0004-d", 3, "0001-a") == ["0002-b"]
    assert record.to_prune(ids, "0004-d", 2, "0001-a") == ["0002-b", "0003-c"]
    assert record.to_prune(ids, "0004-d", 2, "0000-gone") == ["0001-a", "0002-b"]


@pytest.mark.parametrize(
    ("ids", "current", "keep", "gone"),
    [
        (["1", "2", "3", "4"], "4", 2, ["1", "2"]),
        (["1", "2", "3", "4"], "1", 2, ["2", "3"]),
        (["1", "2", "3", "4"], "2", 3, ["1"]),
        (["1", "2"], "2", 5, []),
        (["1", "2"], "2", 2, []),
        (["1", "2"], "", 2, ["1"]),
        ([], "", 2, []),
    ],
)
def test_the_newest_are_kept_and_the_one_that_serves_always(
    ids: list[str], current: str, keep: int, gone: list[str]
) -> None:
    assert record.to_prune(ids, current, keep) == gone


def full_record() -> Record:
    return Record(
        "0002-abcdef1", "shop", "abcdef1", "f" * 64, True, "folder", "k" * 64, "env", None, ["b2"], "ann@box",
        record.now(), record.now(), {"fetch": 0.2}, "deployed", "", "ä\n", "0001-1234567",
    )  # fmt: skip


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    full_record().write(tmp_path / "release.json")
    assert Record.read(tmp_path / "release.json") == full_record()
    assert [path.name for path in tmp_path.iterdir()] == ["release.json"]


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"id": "0001-a"}', "null", '{"id": 1, "cut'])
def test_a_record_that_can_not_be_read_is_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "release.json").write_text(text)
    assert Record.read(tmp_path / "release.json") is None


def test_a_record_of_another_version_is_read_as_far_as_it_is_known(tmp_path: Path) -> None:
    (tmp_path / "r").write_text('{"id": "1", "app": "a", "revision": "r", "fingerprint": "f", "later": true}')
    assert Record.read(tmp_path / "r") == Record("1", "a", "r", "f")


@pytest.mark.parametrize(
    ("what", "entry"),
    [
        ("deploy", {"outcome": "deployed", "seconds": {"fetch": 0.1}}),
        ("deploy", {"outcome": "failed", "stage": "before_fetch"}),
        ("deploy", {"outcome": "unfinished", "stage": "fetch"}),
        ("deploy", {"outcome": "unfinished"}),
        ("deploy", {"outcome": "unfinished", "stage": "check", "seconds": {"fetch": 0.1, "build": 0.1}}),
        ("deploy", {"outcome": "killed", "stage": "switch", "seconds": {"fetch": 0.1, "build": 0.1}}),
        ("rollback", {"outcome": "unfinished", "stage": "check"}),
        ("rollback", {"outcome": "unfinished", "stage": "before_check"}),
        ("rollback", {"outcome": "unfinished", "stage": "switch", "seconds": {"check": 0.1}}),
        ("rollback", {"outcome": "killed", "stage": "verify", "seconds": {"check": 0.1}}),
        ("rollback", {"outcome": "rolled back", "seconds": {"check": 0.1}}),
        ("rollback", {"outcome": "rollback failed", "stage": "check", "seconds": {"check": 0.1}}),
    ],
)
def test_a_record_of_a_version_that_did_not_say_what_it_was_is_read_rightly(
    tmp_path: Path, what: str, entry: dict[str, Any]
) -> None:
    path = tmp_path / "release.json"
    path.write_text(json.dumps({"id": "1", "app": "a", "revision": "r", "fingerprint": "f", **entry}))
    found = Record.read(path)
    assert found and found.what == what


def test_a_fingerprint_is_the_same_for_the_same_parts_in_any_order() -> None:
    first = record.fingerprint_of({"a": [1, 2], "b": {"c": "d"}})
    assert first == record.fingerprint_of({"b": {"c": "d"}, "a": [1, 2]})
    assert first != record.fingerprint_of({"b": {"c": "d"}, "a": [2, 1]})


def test_a_missing_file_has_an_empty_hash(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    assert record.file_hash(tmp_path / "none") == ""
    assert len(record.file_hash(tmp_path / "f")) == 64
