# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A database in MariaDB in a restore point: a dump that is whole, or none."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import mariadb
from ansible_collections.slipway.flask.plugins.module_utils._backup.database import Database
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData
from ansible_collections.slipway.flask.plugins.module_utils._mysql import names

SHOP = AppData("shop", "shop", mariadb="shop")
END = "INSERT INTO t VALUES (1);\n-- Dump completed on 2026-11-26 14:05:00\n"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in the place of mariadb-dump and mariadb, which root runs as itself."""
    path = tmp_path / "program"
    monkeypatch.setattr(mariadb.mysql, "program", lambda: str(path))
    monkeypatch.setattr(names, "find_client", lambda: str(path))
    monkeypatch.setattr(names, "as_user", lambda user: {})
    monkeypatch.setattr(mariadb, "look", lambda name: Database(100, "0001"))
    return path


def says(program: Path, text: str, status: int = 0) -> None:
    program.write_text(f"#!/bin/sh\ncat <<'EOF'\n{text}EOF\nexit {status}\n")
    program.chmod(0o755)


def test_a_dump_is_for_root_alone_and_where_a_restore_finds_it(program: Path, tmp_path: Path) -> None:
    says(program, END)
    path = mariadb.dump(SHOP, tmp_path)
    assert path == mariadb.file_of(tmp_path, SHOP) == tmp_path / "dump/shop.mariadb.sql"
    assert path.read_text() == END
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("text", "status", "said"), [("INSERT", 0, "ended before its end"), (END, 2, "the dump of shop failed")]
)
def test_half_a_dump_is_no_backup(program: Path, tmp_path: Path, text: str, status: int, said: str) -> None:
    says(program, f"{text}\n", status)
    with pytest.raises(BackupError, match=said):
        mariadb.dump(SHOP, tmp_path)


def test_a_disk_that_is_too_full_is_not_filled(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mariadb, "look", lambda name: Database(2**62, ""))
    with pytest.raises(BackupError, match="MB are free"):
        mariadb.dump(SHOP, tmp_path)


def test_half_a_dump_is_not_loaded(program: Path, tmp_path: Path) -> None:
    says(program, "")
    (tmp_path / "half.sql").write_text("DROP DATABASE shop;")
    with pytest.raises(BackupError, match="not a whole dump, so nothing was changed"):
        mariadb.load(SHOP, tmp_path / "half.sql")


def test_what_the_server_says_is_told_when_loading_fails(program: Path, tmp_path: Path) -> None:
    program.write_text("#!/bin/sh\necho 'ERROR 1044: no' >&2; exit 1\n")
    program.chmod(0o755)
    (tmp_path / "whole.sql").write_text(END)
    with pytest.raises(BackupError, match="loading shop failed: ERROR 1044: no"):
        mariadb.load(SHOP, tmp_path / "whole.sql")


def test_what_an_app_has_in_its_database_is_read_with_its_own_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    """A view of the app's may run its functions as whoever reads it."""
    asked: list[tuple[list[str], str]] = []

    def run(command: list[str], stdin: str, user: str, seconds: float | None) -> str:
        asked.append((command, user))
        return "0007\n" if "version_num" in stdin else "4096\n1\n"

    monkeypatch.setattr(names, "run", run)
    assert mariadb.look(SHOP) == Database(4096, "0007")
    assert {user for _, user in asked} == {"shop"}
    assert all("--user=shop" in command for command, _ in asked)


def test_what_an_app_says_of_its_migrations_cannot_move_the_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {"version_num": "\x1b[2Jall is well" + "x" * 500}
    monkeypatch.setattr(names, "run", lambda _, stdin, *__: rows["version_num"] if "version_num" in stdin else "1\n1\n")
    head = mariadb.look(SHOP).head
    assert head.startswith("\\x1b[2Jall is well") and len(head) < 500
