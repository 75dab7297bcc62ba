# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is saved before an upgrade of the database server, and how the host's backups go on with another cluster."""

from __future__ import annotations

import gzip
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData, Settings, Target
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster, PostgresError
from ansible_collections.slipway.flask.plugins.module_utils._upgrade import backups

KEPT = [AppData("shop", "shop", database="shop")]


def settings(cluster: str = "", apps: list[AppData] = KEPT) -> Settings:
    return Settings("vps1", [Target("path", "/mnt/backup/vps1")], "s3cret", cluster=cluster, apps=apps)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A host with backups; what they are brought to is in `prepared`."""
    known: dict[str, Any] = {"settings": settings(), "prepared": [], "error": None, "began": []}

    def prepare(found: Settings, anew: bool = False) -> None:
        known["prepared"].append((found.cluster, anew))
        if known["error"]:
            raise known["error"]

    monkeypatch.setattr(backups.backup_settings, "read", lambda: known["settings"])
    monkeypatch.setattr(backups.setup, "prepare", prepare)
    monkeypatch.setattr(backups.places, "SETTINGS", tmp_path / "backup.json")
    monkeypatch.setattr(backups.places, "STATE", tmp_path / "state")
    monkeypatch.setattr(
        backups.systemd, "run", lambda *a: known["began"].append(a) or subprocess.CompletedProcess(a, 0, "", "")
    )
    return known


@pytest.mark.parametrize("found", [None, settings(apps=[])])
def test_a_host_that_saves_no_cluster_has_nothing_to_follow(host: dict[str, Any], found: Settings | None) -> None:
    host["settings"] = found
    assert backups.follow("15/main", "17/main") == backups.begin() == []
    assert (host["prepared"], host["began"]) == ([], [])


def test_repositories_go_on_with_the_other_cluster_and_a_full_backup_begins(host: dict[str, Any]) -> None:
    assert backups.follow("15/main", "17/main") == []
    assert host["prepared"] == [("", True)]
    (note,) = backups.begin()
    assert note.startswith("a full backup was started")
    assert "--no-block" in host["began"][0] and host["began"][0][-1] == "--full"


def test_a_cluster_that_is_named_is_named_anew(host: dict[str, Any]) -> None:
    host["settings"] = settings("15/main")
    (note,) = backups.follow("15/main", "17/main")
    assert "postgres_server_cluster is 15/main: set it to 17/main" in note
    assert host["prepared"] == [("17/main", True)]
    assert '"cluster": "17/main"' in backups.places.SETTINGS.read_text()


def test_a_target_that_does_not_answer_is_told_and_fails_nothing(host: dict[str, Any]) -> None:
    host["error"] = backups.BackupError("no route to host")
    (note,) = backups.follow("15/main", "17/main")
    assert "backups have not resumed yet: no route to host" in note


@pytest.mark.parametrize(("program", "fails"), [("echo 'CREATE ROLE shop;'", False), ("echo no >&2; exit 1", True)])
def test_a_dump_is_whole_and_for_root_alone_or_there_is_none(
    program: str, fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pg_dumpall").write_text(f"#!/bin/sh\n{program}\n")
    (tmp_path / "pg_dumpall").chmod(0o755)
    cluster = type("Here", (Cluster,), {"programs": tmp_path})("15", "main", 5432, True, "/log")
    monkeypatch.setattr(backups.names, "as_user", lambda _: {})
    to = tmp_path / "15-main.sql.gz"
    if fails:
        with pytest.raises(PostgresError, match="the dump before the upgrade failed: no"):
            backups.dump(cluster, to)
        assert list(tmp_path.glob("15-main*")) == []
    else:
        backups.dump(cluster, to)
        assert gzip.decompress(to.read_bytes()) == b"CREATE ROLE shop;\n"
        assert to.stat().st_mode & 0o777 == 0o600
