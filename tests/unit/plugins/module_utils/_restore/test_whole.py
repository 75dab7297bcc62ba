# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A bare host comes back from its backups: one that has data is refused, and a run that was cut short goes on."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import database as cluster_database
from ansible_collections.slipway.flask.plugins.module_utils._backup import journal
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.pgbackrest import Backup, Repository
from ansible_collections.slipway.flask.plugins.module_utils._backup.restic import Snapshot
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData, Settings, Target
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster
from ansible_collections.slipway.flask.plugins.module_utils._restore import host_files, whole
from ansible_collections.slipway.flask.plugins.module_utils._restore.whole import Whole

CLUSTER = Cluster("17", "main", 5432, True, "")
NOON = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
BACKUP = Backup("20261126-110000F", "full", NOON, NOON, 1, 1)


def snapshot(name: str, hour: int, tags: tuple[str, ...], *paths: str) -> Snapshot:
    return Snapshot(name, NOON.replace(hour=hour), paths, tags)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A bare host with one app, and a target with backups of it."""
    monkeypatch.setattr(journal, "FOLDER", tmp_path / "restores")
    app = AppData("shop", "shop", "shop", folders=[str(tmp_path / "srv/shop/shared")], root=str(tmp_path / "srv/shop"))
    found = [
        snapshot("old", 9, ("app:shop", "point:x"), "/srv/shop/shared"),
        snapshot("new", 11, ("app:shop", "point:y"), "/srv/shop/shared"),
        snapshot("host", 10, ("kind:host",), "/etc/nginx/tls", "/srv/shop/releases/0001-a/src"),
        snapshot("after a failed comeback", 11, ("kind:host",), "/etc/nginx/tls"),
    ]
    monkeypatch.setattr(whole.Restic, "snapshots", lambda _: found)
    monkeypatch.setattr(cluster_database, "cluster_of", lambda _: CLUSTER)
    monkeypatch.setattr(
        cluster_database, "ask", lambda _, sql, name="postgres": "postgres\nshop" if "datname" in sql else "0"
    )
    return Settings("web1", [Target("path", "/mnt/backup")], "secret", apps=[app])


def test_the_newest_backups_are_chosen_and_of_the_host_one_that_has_the_code(settings: Settings) -> None:
    one = Whole(settings)
    one.begin()
    assert one.done["snapshots"] == {"app:shop": ("/mnt/backup", "new"), "host": ("/mnt/backup", "host")}


def test_a_run_that_goes_on_takes_what_it_began_with_in_whatever_order_the_targets_are_now(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[tuple[str, str]] = []
    monkeypatch.setattr(whole.Restic, "restore", lambda self, snapshot, *_: taken.append((self.target.name, snapshot)))
    Whole(settings).begin()
    second = Target("path", "/mnt/second")
    Whole(replace(settings, targets=[second, *settings.targets]))._restore("host", [])
    assert taken == [("/mnt/backup", "host")]
    with pytest.raises(BackupError, match="began with what is at /mnt/backup, and slipway_backups does not have that"):
        Whole(replace(settings, targets=[second]))._restore("host", [])


@pytest.mark.parametrize("what", ["release", "file", "table"])
def test_a_host_that_has_data_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    app = settings.apps[0]
    if what == "release":
        (Path(app.root) / "releases/0001-abc").mkdir(parents=True)
    elif what == "file":
        (Path(app.folders[0]) / "deep").mkdir(parents=True)
        (Path(app.folders[0]) / "deep/file").touch()
    else:
        monkeypatch.setattr(
            cluster_database, "ask", lambda _, sql, name="postgres": "shop" if "datname" in sql else "3"
        )
    with pytest.raises(BackupError, match="this host already has data.*playbooks/restore.yml -e app=NAME"):
        Whole(settings).server()
    assert not whole.intent().exists()


def test_a_host_without_backups_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole.Restic, "snapshots", lambda _: [])
    with pytest.raises(BackupError, match="/mnt/backup: there are no backups of web1. Is this the name"):
        Whole(settings).server()


def test_a_run_that_was_cut_short_goes_on_with_what_is_due(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def cluster(_: Whole) -> str:
        done.append("cluster")
        if len(done) == 2:
            raise BackupError("the line broke")
        return "12:00"

    monkeypatch.setattr(Whole, "_restore", lambda _, name, *__: done.append(name) or True)
    monkeypatch.setattr(Whole, "_cluster", cluster)
    monkeypatch.setattr(Whole, "_app", lambda _, app: done.append(app.name) or [f"{app.name} is back"])
    with pytest.raises(BackupError, match="line broke"):
        Whole(settings).server()
    (Path(settings.apps[0].root) / "releases/0001-abc").mkdir(parents=True)  # is no data of somebody else's now
    assert Whole(settings).server() == ["restored the database server, up to 12:00"]
    assert Whole(settings).apps() == ["shop is back"]
    assert (Whole(settings).apps(), done) == ([], ["host", "cluster", "cluster", "shop"])
    assert Whole(settings).end()["last"] == "12:00"
    with pytest.raises(BackupError, match="no restore of this host is under way"):
        Whole(settings).apps()
    with pytest.raises(BackupError, match="already has data"):
        Whole(settings).server()


def test_it_restores_from_the_repository_with_the_newest_wal_of_this_version(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = replace(settings, targets=[*settings.targets, Target("path", "/mnt/second")])
    repositories = [
        Repository(1, [BACKUP], wal=("a", "b"), version="17"), Repository(2, [BACKUP], wal=("a", "c"), version="17"),
    ]  # fmt: skip
    monkeypatch.setattr(whole.PgBackRest, "info", lambda _: repositories)
    assert Whole(two)._repository(CLUSTER).number == 2
    repositories[1] = replace(repositories[1], problem="no route")
    assert Whole(two)._repository(CLUSTER).number == 1
    repositories[0] = replace(repositories[0], version="15")
    with pytest.raises(BackupError, match="the backups are of PostgreSQL 15, and this host has 17"):
        Whole(two)._repository(CLUSTER)
    repositories[0] = replace(repositories[0], backups=[])
    with pytest.raises(BackupError, match="/mnt/backup: no backup of the database server; /mnt/second: no route"):
        Whole(two)._repository(CLUSTER)


def test_a_host_that_still_lives_is_found_by_the_wal_that_comes(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Repository(1, [BACKUP], wal=("a", "b"), version="17")
    monkeypatch.setattr(whole.PgBackRest, "repository", lambda *_: before)
    Whole(settings)._refuse_living(before)
    monkeypatch.setattr(whole.PgBackRest, "repository", lambda *_: replace(before, wal=("a", "c")))
    with pytest.raises(BackupError, match="the host that these backups belong to is still up"):
        Whole(settings)._refuse_living(before)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_files_get_the_numbers_that_their_users_have_here(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/file").touch()
    (tmp_path / "link").symlink_to("/etc/passwd")
    for path in (tmp_path, tmp_path / "deep/file", tmp_path / "link"):
        os.chown(path, 4001, 4002, follow_symlinks=False)
    os.chown(tmp_path / "deep", 0, 4002)
    (tmp_path / "deep").chmod(0o2750)
    ids: dict[str, Any] = {"users": {4001: 5001}, "groups": {4002: 5002}}
    host_files.own(tmp_path, ids)
    found = {
        path.name: (path.lstat().st_uid, path.lstat().st_gid) for path in (tmp_path / "deep", *tmp_path.rglob("*"))
    }
    assert found == {"deep": (0, 5002), "file": (5001, 5002), "link": (5001, 5002)}
    assert (tmp_path / "deep").stat().st_mode & 0o7777 == 0o2750
    assert Path("/etc/passwd").stat().st_uid == 0
