# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A stream in pieces: what its reader finds, and when its writer stops."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._transfer import spool


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(spool, "PIECE", 4)
    monkeypatch.setattr(spool, "LOOK_SECONDS", 0.001)
    (tmp_path / "x").mkdir()
    yield tmp_path / "x"


def state(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "state.json").read_text())
    return found


def read(folder: Path) -> list[bytes]:
    """Fetch all items as the controller does."""
    items: list[bytes] = []
    fetched = 0
    while True:
        told = state(folder)
        if fetched < len(told["pieces"]):
            item, path = told["pieces"][fetched], folder / f"{fetched + 1:06d}"
            items += [b""] * (item + 1 - len(items))
            items[item] += path.read_bytes()
            path.unlink()
            fetched += 1
            assert sum(one.name.isdigit() for one in folder.iterdir()) <= spool.AHEAD
        elif told["over"]:
            for path in folder.iterdir():
                path.unlink()
            return items


def test_items_arrive_whole_and_nothing_is_left(folder: Path) -> None:
    sent = [b"", b"12345678", b"123456789012345678901234567890"]

    def write() -> None:
        into = spool.Spool(folder)
        for number, content in enumerate(sent):
            item = into.begin(f"item-{number}")
            item.write(content)
            item.finish()
            assert into.state.items[-1].sha256 == hashlib.sha256(content).hexdigest()
        into.end()

    writer = threading.Thread(target=write)
    spool.Spool(folder)
    writer.start()
    assert read(folder) == sent
    writer.join()
    assert not folder.exists()


def test_a_writer_stops_when_nobody_fetches(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "IDLE_SECONDS", 0.05)
    into = spool.Spool(folder)
    item = into.begin("item")
    with pytest.raises(spool.GoneError):
        item.write(b"1" * 100)
    assert sum(path.name.isdigit() for path in folder.iterdir()) == spool.AHEAD
    into.end()
    assert not folder.exists()


def test_a_writer_stops_when_the_reader_gives_up(folder: Path) -> None:
    into = spool.Spool(folder)
    (folder / "state.json").unlink()
    with pytest.raises(spool.GoneError, match="given up"):
        into.put(b"1")


def test_an_error_reaches_the_reader(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "IDLE_SECONDS", 0.0)
    into = spool.Spool(folder)
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(spool.shutil, "rmtree", lambda path, ignore_errors: told.append(state(folder)))
    into.end("pg_dump failed")
    assert told[0]["error"] == "pg_dump failed" and told[0]["over"]
