# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Files of a snapshot against those of the host: chosen, compared, and never opened for what they are not."""

from __future__ import annotations

import os
import pwd
import random
import shutil
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import drill_files, places, points
from ansible_collections.slipway.flask.plugins.module_utils._backup.drill_files import Files
from ansible_collections.slipway.flask.plugins.module_utils._backup.restic import Restic, Snapshot
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData, Settings, Target
from fake_tools import Tools

USER = pwd.getpwuid(os.geteuid()).pw_name


class Site:
    """An app's folder, and a repository that is a folder with copies of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.saved = folder / "uploads", folder / "saved"
        self.folder.mkdir()
        self.problems: list[str] = []
        self.tags: tuple[str, ...] = ("app:shop", "point:P", "folders:9")

    def save(self) -> None:
        """Copy it, as a run does; all that is there by now is older than the snapshot."""
        staged = points.staged("shop")
        shutil.copytree(self.folder, self.saved / str(self.folder).lstrip("/"))
        (self.saved / str(staged).lstrip("/")).mkdir(parents=True)
        (self.saved / str(staged).lstrip("/") / places.MANIFEST).write_text('{"name": "P"}')

    def snapshots(self, *_: Any) -> list[Snapshot]:
        later = datetime.now(timezone.utc) + timedelta(seconds=60)
        return [Snapshot("abcdef0123", later, (str(self.folder), str(points.staged("shop"))), self.tags)]

    def restore(self, _: Any, snapshot: str, into: Path, include: Sequence[str] = ()) -> None:
        self.included = include
        shutil.copytree(self.saved, into, dirs_exist_ok=True)

    def drill(self) -> dict[str, Any]:
        app = AppData("shop", USER, folders=[str(self.folder)])
        settings = Settings("vps1", [Target("path", "/mnt")], "p", apps=[app])
        return Files(settings, lambda text: None, self.problems).drill(1)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: Tools) -> Site:
    made = Site(tmp_path)
    tool("systemctl", "")
    for name in ("STATE", "SCRATCH", "STAGING"):
        monkeypatch.setattr(places, name, tmp_path / name.lower())
    monkeypatch.setattr(Restic, "snapshots", made.snapshots)
    monkeypatch.setattr(Restic, "restore", lambda restic, *given: made.restore(restic, *given))
    monkeypatch.setattr(Restic, "check", lambda *_: None)
    return made


def test_files_that_are_in_the_backup_as_they_are_here_are_well(site: Site) -> None:
    (site.folder / "a").write_text("a")
    (site.folder / "b").mkdir()
    (site.folder / "b/c").write_text("c")
    site.save()
    facts = site.drill()["shop"]
    assert site.problems == []
    assert (facts["files"], facts["of"], facts["bytes"], facts["sqlite"]) == (2, 2, 2, 0)
    assert list(places.SCRATCH.iterdir()) == []


def test_a_file_that_is_other_in_the_backup_or_missing_there_is_named(site: Site) -> None:
    for name in ("a", "b", "c"):
        (site.folder / name).write_text(name)
    site.save()
    saved = site.saved / str(site.folder).lstrip("/")
    (saved / "a").write_text("x")
    (saved / "b").unlink()
    site.drill()
    assert site.problems[0].startswith("shop: 2 of 3 files differ between the backup and the host: ")
    assert f"{site.folder}/a" in site.problems[0] and f"{site.folder}/b" in site.problems[0]


def test_what_was_removed_or_put_in_another_s_place_meanwhile_is_no_fault(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("gone", "pipe", "link"):
        (site.folder / name).write_text(name)
    site.save()

    def restore(restic: Any, snapshot: str, into: Path, include: Any = ()) -> None:
        for name in ("gone", "pipe", "link"):
            (site.folder / name).unlink()
        os.mkfifo(site.folder / "pipe")
        (site.folder / "link").symlink_to("/etc/hostname")

    monkeypatch.setattr(Restic, "restore", restore)
    site.drill()
    assert site.problems == [f"shop: its restore point has no {places.MANIFEST}"]


def test_an_app_without_a_restore_point_is_named(site: Site) -> None:
    site.tags = ("app:other",)
    site.drill()
    assert site.problems == ["shop: it has no restore point"]


def test_copies_of_sqlite_databases_are_looked_through(site: Site) -> None:
    (site.folder / "a").write_text("a")
    site.save()
    copies = site.saved / str(points.staged("shop")).lstrip("/") / "sqlite/srv"
    copies.mkdir(parents=True)
    for name in ("good.db", "bad.db"):
        database = sqlite3.connect(copies / name)
        database.execute("create table t (a text)")
        database.executemany("insert into t values (?)", [("x" * 100,)] * 1000)
        database.execute("create index i on t (a)")
        database.commit()
        database.close()
    with (copies / "bad.db").open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xff" * 4096)
    assert site.drill()["shop"]["sqlite"] == 2
    assert [problem for problem in site.problems if "good.db" in problem] == []
    assert site.problems[0].startswith("shop: the copy of /srv/bad.db is damaged: ")


def test_of_much_data_some_files_are_restored(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drill_files, "WHOLE_BYTES", 30)
    monkeypatch.setattr(drill_files, "CHOSEN", 3)
    for number in range(10):
        (site.folder / str(number)).write_text("x" * 10)
    site.tags = ("app:shop", "folders:100")
    site.save()
    facts = site.drill()["shop"]
    assert (facts["files"], facts["of"]) == (3, 10)
    assert len(site.included) == 4
    assert str(points.staged("shop")) in site.included
    assert site.problems == []


def test_chosen_files_are_of_so_many_bytes_and_other_ones_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drill_files, "WHOLE_BYTES", 30)
    found = {str(number): 10 for number in range(100)} | {"large": 31}
    first, second = (drill_files.choose(found, random.Random(seed)) for seed in (1, 2))
    assert len(first) == len(second) == 3
    assert first != second
    assert "large" not in first + second
