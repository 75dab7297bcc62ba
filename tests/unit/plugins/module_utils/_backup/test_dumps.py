# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Dumps of databases elsewhere: when one is made, and what is said when it can't be."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import dumps, places, points, staging
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.points import Point
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData, Settings
from ansible_collections.slipway.flask.plugins.module_utils._host.attempt import Attempt
from fake_restic import Repository

URL = "postgresql+psycopg://shop:s3cr3t%40@db.example.net/shop"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppData:
    """An app with a database elsewhere, on a host with PostgreSQL 17's programs, which write and say what is wanted."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/environment").write_text(f'DATABASE_URL="{URL}"\nOTHER="x"\n')
    programs = tmp_path / "postgresql/17/bin"
    programs.mkdir(parents=True)
    (programs / "pg_dump").write_text('#!/bin/sh\ntest "$PGPASSWORD" = s3cr3t@ || exit 9\nprintf "PGDMP of $PGHOST"\n')
    (programs / "psql").write_text("#!/bin/sh\necho 1234\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    monkeypatch.setattr(dumps, "PROGRAMS", tmp_path / "postgresql")
    monkeypatch.setattr(places, "STAGING", tmp_path / "staging")
    monkeypatch.setattr(staging, "_owner", lambda _: [0, 0])
    server(monkeypatch)
    return AppData("shop", pwd.getpwuid(os.geteuid()).pw_name, elsewhere=True, settings=str(tmp_path / "etc"))


def server(monkeypatch: pytest.MonkeyPatch, version: int = 160004, kind: str = "", message: str = "") -> None:
    def attempt(*_: Any) -> Attempt:
        return Attempt({"server_version_num": version}, kind, message)

    monkeypatch.setattr(dumps.check, "attempt", attempt)


def settings(app: AppData, wanted: bool) -> Settings:
    return Settings("web1", [], "x" * 20, databases_elsewhere=wanted, apps=[app])


def test_a_restore_point_has_the_dump_of_a_database_elsewhere_if_its_owner_wants_it(app: AppData) -> None:
    with staging.staged(settings(app, True), app, Point("20261126T140500Z", "shop")) as ready:
        file = dumps.staged(points.staged("shop"), "shop")
        assert file.read_text() == "PGDMP of db.example.net"
        assert file.parent.stat().st_mode & 0o777 == 0o700
        assert ready.point.database_bytes == file.stat().st_size and ready.lacks == []
    assert not file.exists()


def test_nothing_is_dumped_that_nobody_asked_for(app: AppData) -> None:
    with staging.staged(settings(app, False), app, Point("20261126T140500Z", "shop")) as ready:
        assert not dumps.staged(points.staged("shop"), "shop").exists()
        assert ready.point.database_bytes == 0


BAD = {
    "a newer server": ({"version": 180000}, "install postgresql-client-18"),
    "a server that does not answer": (
        {"kind": "timeout", "message": "no answer in time"},
        "can't be reached: no answer",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_folders_are_saved_where_no_dump_can_be_made_and_the_reason_is_told(
    app: AppData, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    how, said = BAD[name]
    server(monkeypatch, **how)
    with staging.staged(settings(app, True), app, Point("20261126T140500Z", "shop")) as ready:
        assert len(ready.lacks) == 1 and said in ready.lacks[0] and "its folders were saved" in ready.lacks[0]
        assert "s3cr3t" not in ready.lacks[0]


def test_a_dump_that_fails_leaves_no_half(app: AppData, tmp_path: Path) -> None:
    (tmp_path / "postgresql/17/bin/pg_dump").write_text(
        "#!/bin/sh\necho half\necho 'no: s3cr3t@ is wrong' >&2\nexit 1\n"
    )
    (tmp_path / "new").mkdir()
    with pytest.raises(BackupError) as error:
        dumps.stage(app, tmp_path / "new")
    assert "pg_dump failed" in str(error.value) and "s3cr3t" not in str(error.value)
    assert not dumps.staged(tmp_path / "new", "shop").exists()


def test_a_database_of_another_kind_is_named(app: AppData) -> None:
    with pytest.raises(BackupError, match="oracle, which can't be dumped"):
        dumps.Database("oracle://x@y/z").check()


def test_mariadbs_dump_is_sql_that_names_no_database_and_whose_password_is_in_no_argument(
    app: AppData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "mariadb-dump"
    tool.write_text('#!/bin/sh\ntest "$MYSQL_PWD" = s3cr3t || exit 9\necho "$@"\n')
    tool.chmod(0o755)
    monkeypatch.setattr(dumps.mysql, "program", lambda: str(tool))
    database, said = dumps.Database("mysql+pymysql://shop:s3cr3t@db.example.net/shop"), list[bytes]()
    assert database.check() == 0 and database.ending == ".sql"
    database.dump(said.append)
    words = b"".join(said).decode().split()
    assert words[-1] == "shop" and "--databases" not in words and "--add-drop-database" not in words
    assert "s3cr3t" not in words


@pytest.mark.parametrize(
    "ends",
    [
        "echo \"x: Couldn't execute 'q': Table is crashed (145)\" >&2\n"
        "yes \"x: Couldn't execute 'v': View (1356)\" | head -n 300 >&2; exit 2",
        "echo \"x: Couldn't execute 'v': View (1356)\" >&2; kill -KILL $$",
    ],
)
def test_a_dump_of_mariadb_without_a_table_is_none_whatever_else_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    tool = tmp_path / "mariadb-dump"
    tool.write_text(f"#!/bin/sh\necho half\n{ends}\n")
    tool.chmod(0o755)
    monkeypatch.setattr(dumps.mysql, "program", lambda: str(tool))
    with pytest.raises(BackupError, match="mariadb-dump failed"):
        dumps.Database("mysql://shop@db/shop").dump(lambda block: None)


def test_a_dump_is_fetched_for_a_person_and_the_command_that_loads_it_is_told(
    app: AppData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dumps, "KEPT", tmp_path / "kept")
    saved = {str(dumps.staged(points.staged("shop"), "shop")): b"PGDMP"}
    told = dumps.bring(Repository(saved), "abc", app, "20261126T140500Z")  # type: ignore[arg-type]
    file = tmp_path / "kept/shop/20261126T140500Z.dump"
    assert file.read_text() == "PGDMP" and file.stat().st_mode & 0o777 == 0o600
    assert str(file) in told and "pg_restore" in told and "s3cr3t" not in told
    assert [path.name for path in file.parent.iterdir()] == [file.name]
