# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How far a run is: what the host writes down, and what a person reads of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._release import progress as release_progress
from ansible_collections.slipway.flask.plugins.module_utils._release.progress import Progress, read, told
from fake_host import FakeHost


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(release_progress, "FOLDER", tmp_path / "run")
    return tmp_path / "run"


def test_the_stages_of_a_deploy_are_written_down_for_the_one_who_asked(host: FakeHost, folder: Path) -> None:
    host.deploy()
    assert not folder.exists(), "nobody asked"
    host.change()
    host.deploy(progress="me")
    text = (folder / "shop.progress").read_text()
    assert [line.split()[0] for line in read(text, "me")][:4] == ["fetch", "fetch", "build", "build"]
    assert read(text, "somebody else") == []
    assert (folder / "shop.progress").stat().st_mode & 0o777 == 0o644


def test_what_an_older_run_wrote_is_gone_with_the_first_line_of_a_new_one(folder: Path) -> None:
    Progress("shop", "old").begin("fetch")
    new = Progress("shop", "new")
    new.begin("build")
    new.end("build", 2.04)
    assert read((folder / "shop.progress").read_text(), "new") == ["build", "build 2.0"]


def test_a_release_goes_on_when_its_progress_can_not_be_written(folder: Path) -> None:
    folder.write_text("no folder")
    progress = Progress("shop", "me")
    progress.begin("fetch")
    progress.end("fetch", 1.0)
    assert folder.read_text() == "no folder"


def test_a_line_that_is_not_whole_yet_is_left_for_later() -> None:
    assert read("me\nfetch\nfetch 0.", "me") == ["fetch"]
    assert read("", "me") == []


@pytest.mark.parametrize(
    ("lines", "shown", "said"),
    [
        ([], 0, ""),
        (["fetch", "fetch 0.1", "build"], 0, "fetch 0.1 s, build …"),
        (["fetch", "fetch 0.1", "build"], 3, ""),
        (["fetch", "fetch 0.1", "build", "build 9.5", "check"], 3, "build 9.5 s, check …"),
        (["fetch", "fetch 0.1", "build", "build 9.5"], 3, "build 9.5 s"),
    ],
)
def test_news_are_told_once(lines: list[str], shown: int, said: str) -> None:
    assert told(lines, shown) == said
