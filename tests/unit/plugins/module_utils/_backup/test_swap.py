# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Restored data and what is there change places: killed anywhere, one whole state is found again."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import journal as journals
from ansible_collections.slipway.flask.plugins.module_utils._backup import kept, swap
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.journal import Folder, Journal
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster
from fake_host import Killed


class Server:
    """A PostgreSQL server as far as a swap goes: which data is under which name, and which names let nobody in."""

    def __init__(self) -> None:
        self.databases = {"shop": "old", "shop_restored_x": "new", "other": "other"}
        self.shut: set[str] = set()
        self.limits: dict[str, int] = {}
        self.ended: list[str] = []

    def sql(self, _: Cluster, text: str) -> str:
        if text.startswith("SELECT datname"):
            return "\n".join(self.databases)
        if "pg_terminate_backend" in text:
            assert "MATERIALIZED" in text
            name = re.findall(r"datname = '(\w+)'", text)[0]
            assert name in self.shut, "a session that is ended could begin anew"
            self.ended.append(name)
            return "0"
        for statement in filter(None, text.replace("\n", " ").split(";")):  # all of it, or nothing: one transaction
            self.one(statement.strip())
        return ""

    def one(self, statement: str) -> None:
        if match := re.fullmatch(r'ALTER DATABASE "(\w+)" (.*)', statement):
            name, what = match.groups()
            assert name in self.databases, statement
            if renamed := re.fullmatch(r'RENAME TO "(\w+)"', what):
                assert renamed[1] not in self.databases and name in self.shut, statement
                self.databases[renamed[1]] = self.databases.pop(name)
                self.shut.discard(name)
                self.shut.add(renamed[1])
            elif what.startswith("ALLOW_CONNECTIONS"):
                (self.shut.discard if what.endswith("true") else self.shut.add)(name)
            elif what.startswith("CONNECTION LIMIT"):
                self.limits[name] = int(what.split()[-1])
        elif match := re.fullmatch(r'DROP DATABASE IF EXISTS "(\w+)" WITH \(FORCE\)', statement):
            self.databases.pop(match[1], None)


class Site:
    """A host with an app's data, live and restored."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, had: bool = True) -> None:
        self.server = Server()
        self.steps, self.kill_at = 0, 0
        monkeypatch.setattr(journals, "FOLDER", folder / "restores")
        monkeypatch.setattr(swap, "cluster_of", lambda _: Cluster("17", "main", 5432, True, ""))
        monkeypatch.setattr(swap, "_sql", self._counted(self.server.sql))
        monkeypatch.setattr(swap.os, "rename", self._counted(os.rename))
        shared, new = folder / "shared", folder / ".shop_restored_x"
        for name in ("uploads", "papers"):
            (new / name).mkdir(parents=True)
            (new / name / "data").write_text("new")
            if had:
                (shared / name).mkdir(parents=True)
                (shared / name / "data").write_text("old")
        shared.mkdir(exist_ok=True)
        if not had:
            del self.server.databases["shop"]
        folders = [
            Folder(str(shared / name), str(new / name), str(folder / "shop_before_x" / name), had)
            for name in ("uploads", "papers")
        ]
        self.folder, self.had = folder, had
        self.journal = Journal(
            "shop", "20261126T140500Z", "swap", database="shop", new="shop_restored_x", kept="shop_before_x", had=had,
            folders=folders, made=[str(new)],
        )  # fmt: skip
        self.journal.write()

    def _counted(self, does: Callable[..., str]) -> Callable[..., str]:
        def step(*arguments: object, **more: object) -> str:
            self.steps += 1
            if self.steps == self.kill_at:
                raise Killed
            return does(*arguments, **more)

        return step

    def live(self) -> list[str]:
        """Return which data is where the app looks."""
        files = [self.folder / "shared" / name / "data" for name in ("uploads", "papers")]
        return [
            self.server.databases.get("shop", "none"),
            *(one.read_text() if one.exists() else "none" for one in files),
        ]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(tmp_path, monkeypatch)


def killed(site: Site, at: int, does: Callable[[Journal], None]) -> bool:
    """Do it, killed at its step number AT; tell whether it was."""
    site.steps, site.kill_at = 0, at
    try:
        does(site.journal)
    except Killed:
        return True
    finally:
        site.kill_at = 0
    return False


def test_all_of_the_data_changes_places_and_nobody_enters_what_was_there(site: Site) -> None:
    swap.forward(site.journal)
    assert site.live() == ["new"] * 3
    assert site.server.databases["shop_before_x"] == "old"
    assert (site.server.limits, site.server.shut) == ({"shop_before_x": 0, "shop": -1}, set())
    assert (site.folder / "shop_before_x/papers/data").read_text() == "old"
    assert "other" not in site.server.ended


@pytest.mark.parametrize("had", [True, False], ids=["over data", "where all was lost"])
def test_killed_at_any_step_it_goes_back_whole_also_when_that_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, had: bool
) -> None:
    kills = 0
    for at in range(1, 60):
        site = Site(tmp_path / str(at), monkeypatch, had)
        stopped = killed(site, at, swap.forward)
        kills += stopped
        for second in range(1, 60):
            if not killed(site, second, swap.back):
                break
        assert site.live() == (["old"] * 3 if had else ["none"] * 3), f"killed at step {at}"
        assert site.server.databases["shop_restored_x"] == "new"
        assert site.server.shut == set()
        swap.discard(site.journal)
        assert "shop_restored_x" not in site.server.databases and not (site.folder / ".shop_restored_x").exists()
        if not stopped:
            break
    assert kills > 5


def test_killed_at_any_step_it_can_be_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for at in range(1, 60):
        site = Site(tmp_path / str(at), monkeypatch)
        stopped = killed(site, at, swap.forward)
        swap.forward(site.journal)
        assert site.live() == ["new"] * 3
        assert site.server.databases["shop_before_x"] == "old" and site.server.shut == set()
        if not stopped:
            return
    raise AssertionError("it never came to its end")


def test_a_link_that_the_app_has_laid_on_the_way_is_not_followed(site: Site, tmp_path: Path) -> None:
    victim = tmp_path / "etc"
    (victim / "uploads").mkdir(parents=True)
    (tmp_path / "shared").rename(tmp_path / "moved")
    (tmp_path / "shared").symlink_to(victim)
    with pytest.raises(BackupError, match="can't be renamed"):
        swap.forward(site.journal)
    assert list((victim / "uploads").iterdir()) == []


def test_nothing_is_made_behind_a_link_that_the_app_has_laid_where_a_folder_is_missing(tmp_path: Path) -> None:
    (tmp_path / "roots").mkdir()
    (tmp_path / "new").mkdir()
    (tmp_path / "shared").symlink_to(tmp_path / "roots")
    with pytest.raises(BackupError, match="can't be renamed"):
        swap._rename(str(tmp_path / "new"), str(tmp_path / "shared/deep/uploads"))
    assert os.listdir(tmp_path / "roots") == []
    swap._rename(str(tmp_path / "new"), str(tmp_path / "real/deep/uploads"))
    assert (tmp_path / "real/deep/uploads").is_dir()


def test_names_fit_into_postgresql_and_no_two_restores_have_the_same(site: Site) -> None:
    new, old = journals.names("a" * 60, "20261126T140500Z")
    assert len(new) == len(old) == 63 and new != old and old.endswith("_before_20261126t140500z")
    moment = journals.datetime(2026, 11, 26, 14, 5)
    assert journals.id_of(moment, "shop") == "20261126T140501Z"
    assert journals.id_of(moment, "other") == "20261126T140500Z"


def test_what_was_put_aside_is_named_with_its_size_until_it_is_forgotten(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap, "size", lambda _, name: 7_000_000 if name in site.server.databases else 0)
    swap.forward(site.journal)
    assert kept.kept("shop") == []  # not over yet
    site.journal.at("kept")
    [found] = kept.kept("shop")
    assert (found.id, found.database, len(found.folders)) == ("20261126T140500Z", "shop_before_x", 2)
    assert "7 MB; -e forget=20261126T140500Z removes it" in found.said
    with pytest.raises(BackupError, match="nothing is kept of a restore '2020'.*there is: 20261126T140500Z"):
        kept.forget("shop", "2020")
    assert kept.forget("shop", "all", check=True) == kept.kept("shop") == [found]
    kept.forget("shop", "20261126t140500z")
    assert kept.kept("shop") == [] and "shop_before_x" not in site.server.databases
    assert site.live() == ["new"] * 3 and not (site.folder / "shop_before_x").exists()


def test_a_restore_that_was_killed_is_a_problem_and_one_that_runs_is_none(site: Site, tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    lock.touch()
    assert kept.under_way("shop", lock)[1].startswith("a restore to  was killed at 'swap'; the site is closed")
    with lock.open() as file:
        kept.fcntl.flock(file, kept.fcntl.LOCK_EX)
        assert kept.under_way("shop", lock) == ("a restore to  is under way, at 'swap'", "")
