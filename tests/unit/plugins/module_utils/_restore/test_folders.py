# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app's folders out of a restore point: where they wait, and what came after it."""

from __future__ import annotations

import os
import pwd
import sqlite3
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import points
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._restore import folders
from fake_restic import Repository

ME = pwd.getpwuid(os.getuid()).pw_name
POINT, MOMENT, LATER = 1_000_000, 1_000_100, 1_000_200


def put(path: Path, text: str, time: float = POINT) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (time, time))


def at(time: float) -> datetime:
    return datetime.fromtimestamp(time, timezone.utc)


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for `/srv`: root's alone, as all around it."""
    ours = folders._ours
    monkeypatch.setattr(folders, "_ours", lambda path: tmp_path not in (path, *path.parents) or ours(path))
    (tmp_path / "shop/shared/uploads").mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "shop", tmp_path / "shop/shared"):
        folder.chmod(0o755)
    return tmp_path


def test_what_is_restored_waits_in_the_nearest_folder_that_only_root_can_change(top: Path) -> None:
    uploads = top / "shop/shared/uploads"
    [found], [made] = folders.planned("shop", "20261126T140500Z", [str(uploads), f"{uploads}/thumbs/"])
    assert made == f"{top}/shop/shared/.shop_restored_20261126t140500z"
    assert (found.new, found.kept) == (f"{made}{uploads}", f"{top}/shop/shared/shop_before_20261126t140500z/uploads")
    (top / "shop/shared").chmod(0o777)
    [found], [made] = folders.planned("shop", "20261126T140500Z", [str(uploads)])
    assert made == f"{top}/shop/.shop_restored_20261126t140500z"
    assert found.kept == f"{top}/shop/shop_before_20261126t140500z/shared/uploads"


def test_a_link_of_the_apps_is_not_followed_and_one_of_roots_is(top: Path) -> None:
    (top / "data").mkdir()
    (top / "data/uploads").mkdir()
    (top / "linked").symlink_to(top / "data")
    [found], _ = folders.planned("shop", "20261126T140500Z", [f"{top}/linked/uploads"])
    assert found.live == f"{top}/data/uploads"
    with pytest.raises(BackupError, match="is a link, so"):
        folders.planned("shop", "20261126T140500Z", [f"{top}/linked"])
    (top / "shop/shared").chmod(0o777)
    (top / "shop/shared/mine").symlink_to(top / "data")
    with pytest.raises(BackupError, match="shared/mine is a link"):
        folders.planned("shop", "20261126T140500Z", [f"{top}/shop/shared/mine/uploads"])


def test_a_whole_copy_of_sqlite_is_put_in_the_place_of_the_database(
    top: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = top / "shop/shared/uploads"
    saved = {f"{uploads}/a.txt": b"a", f"{points.staged('shop')}/sqlite{uploads}/shop.db": b"SQLite format 3\0copy"}
    planned, made = folders.planned("shop", "20261126T140500Z", [str(uploads), str(top / "shop/shared/new")])
    found = folders.fetch(Repository(saved), "f00", "shop", planned, made)  # type: ignore[arg-type]
    assert [Path(one.live).name for one in found] == ["uploads"]  # the other one is not in the point
    assert (Path(found[0].new) / "shop.db").read_bytes() == b"SQLite format 3\0copy"
    assert Path(made[0]).stat().st_mode & 0o777 == 0o700


def test_files_that_came_between_the_point_and_the_moment_are_carried_over(top: Path) -> None:
    [folder], _ = folders.planned("shop", "20261126T140500Z", [str(top / "shop/shared/uploads")])
    live, new = Path(folder.live), Path(folder.new)
    for place in (live, new):
        put(place / "same", "same")
        put(place / "changed", "old")
        put(place / "spoilt", "good")
    put(new / "deleted since", "good")
    put(live / "deep/er/came", "came", MOMENT - 1)
    put(live / "changed", "new", MOMENT - 1)
    put(live / "spoilt", "bad", LATER)
    put(live / "too late", "late", LATER)
    os.chmod(live / "deep/er/came", 0o640)
    assert folders.carry(folder, at(MOMENT), ME) == 2
    texts = {str(path.relative_to(new)): path.read_text() for path in new.rglob("*") if path.is_file()}
    assert texts == {
        "same": "same", "changed": "new", "spoilt": "good", "deleted since": "good", "deep/er/came": "came",
    }  # fmt: skip
    kept = (new / "deep/er/came").stat()
    assert (kept.st_mode & 0o777, kept.st_mtime) == (0o640, MOMENT - 1)
    assert folders.newer([folder], at(POINT)) == folders.Newer(4, 14)


def test_a_database_of_sqlite_is_never_carried_over_as_a_file(top: Path) -> None:
    [folder], _ = folders.planned("shop", "20261126T140500Z", [str(top / "shop/shared/uploads")])
    live, new = Path(folder.live), Path(folder.new)
    new.mkdir(parents=True)
    with closing(sqlite3.connect(live / "shop.db")) as database:
        database.execute("CREATE TABLE rows (id)")
    put(live / "shop.db-wal", "frames")
    os.utime(live / "shop.db", (POINT, POINT))
    assert folders.carry(folder, at(MOMENT), ME) == 0 and list(new.iterdir()) == []


def test_a_link_in_the_restore_point_leads_no_file_elsewhere(top: Path) -> None:
    [folder], _ = folders.planned("shop", "20261126T140500Z", [str(top / "shop/shared/uploads")])
    live, new, victim = Path(folder.live), Path(folder.new), top / "etc"
    victim.mkdir()
    new.mkdir(parents=True)
    (new / "deep").symlink_to(victim)
    put(live / "deep/passwd", "mine", MOMENT - 1)
    (live / "link").symlink_to(victim)
    assert folders.carry(folder, at(MOMENT), ME) == 0 and list(victim.iterdir()) == []
