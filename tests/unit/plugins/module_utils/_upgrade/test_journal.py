# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How far an upgrade has come is kept for root alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._upgrade import journal
from ansible_collections.slipway.flask.plugins.module_utils._upgrade.journal import Journal


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(journal, "FOLDER", tmp_path / "upgrade")
    return tmp_path / "upgrade"


def test_it_is_read_as_it_was_written_and_nobody_else_reads_it(folder: Path) -> None:
    begun = Journal("15/main", "17/main", 5432, "ann@box", sites=["shop"])
    begun.write("close")
    assert journal.read() == begun
    assert (folder.stat().st_mode & 0o777, journal.path().stat().st_mode & 0o777) == (0o700, 0o600)


@pytest.mark.parametrize(("step", "over"), [("convert", False), ("back", False), ("done", True), ("gone back", True)])
def test_one_that_is_not_over_is_said(step: str, over: bool) -> None:
    Journal("15/main", "17/main", 5432).write(step)
    assert bool(journal.said()) is not over


@pytest.mark.parametrize("text", ["", "[]", '{"old": 1}'])
def test_one_that_can_not_be_read_spoils_no_status(text: str, folder: Path) -> None:
    assert journal.said() == []
    folder.mkdir()
    journal.path().write_text(text)
    assert journal.said() == []
