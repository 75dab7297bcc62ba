# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A database in MariaDB in a restore point: a dump that is whole, or none."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import mariadb, mariadb_tables, points
from ansible_collections.slipway.flask.plugins.module_utils._backup.database import Database
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData
from ansible_collections.slipway.flask.plugins.module_utils._mysql import names
from fake_restic import Repository

SHOP = AppData("shop", "shop", mariadb="shop")
END = "INSERT INTO t VALUES (1);\n-- Dump completed on 2026-11-26 14:05:00\n"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in the place of mariadb-dump and mariadb, which root runs as itself."""
    path = tmp_path / "program"
    monkeypatch.setattr(mariadb.mysql, "program", lambda: str(path))
    monkeypatch.setattr(names, "find_client", lambda: str(path))
    monkeypatch.setattr(names, "as_user", lambda user: {})
    monkeypatch.setattr(mariadb, "look", lambda app: Database(100, "0001"))
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
    monkeypatch.setattr(mariadb, "look", lambda app: Database(2**62, ""))
    with pytest.raises(BackupError, match="MB are free"):
        mariadb.dump(SHOP, tmp_path)


def test_half_a_dump_is_not_loaded(program: Path, tmp_path: Path) -> None:
    says(program, "")
    (tmp_path / "half.sql").write_text("CREATE TABLE t (id INT);")
    with pytest.raises(BackupError, match="not a whole dump"):
        mariadb.load(SHOP, tmp_path / "half.sql", "shop_new")


class Server:
    """A server that has tables by database, and does what it is told of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **tables: list[str]) -> None:
        self.tables, self.said = tables, list[str]()
        monkeypatch.setattr(names, "sql", self.sql)

    def sql(self, text: str, database: str = "", user: str = "root") -> list[list[str]]:
        self.said.append(text)
        if "information_schema.TABLES" in text:
            name = text.split("TABLE_SCHEMA = '")[1].split("'")[0]
            return [[table] for table in sorted(self.tables.get(name, []))]
        if text.startswith("CREATE DATABASE"):
            self.tables.setdefault(text.split("`")[1], [])
        if text.startswith("DROP DATABASE"):
            self.tables.pop(text.split("`")[1], None)
        if text.startswith("RENAME TABLE"):
            for move in text.removeprefix("RENAME TABLE ").rstrip(";").split(", "):
                _, source, _, table, _, target, *_ = move.split("`")
                self.tables[source].remove(table)
                assert table not in self.tables[target], move
                self.tables[target].append(table)
        return []


def test_what_the_server_says_is_told_when_loading_fails(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(monkeypatch)
    program.write_text("#!/bin/sh\necho 'ERROR 1044: no' >&2; exit 1\n")
    program.chmod(0o755)
    (tmp_path / "whole.sql").write_text(END)
    with pytest.raises(BackupError, match="loading shop failed: ERROR 1044: no"):
        mariadb.load(SHOP, tmp_path / "whole.sql", "shop_new")
    assert (
        server.said[-1] == "REVOKE ALL PRIVILEGES ON `shop\\_new`.* FROM 'shop'@'localhost';"
    )  # nobody keeps a right on it


def test_restored_tables_and_those_that_are_there_change_places_at_once_and_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(monkeypatch, shop=["notes", "tags"], new=["notes", "authors"])
    for _ in range(2):  # done again after a kill, it does nothing
        mariadb_tables.exchange("shop", "new", "old")
        assert {name: sorted(found) for name, found in server.tables.items()} == {
            "shop": ["authors", "notes"], "old": ["notes", "tags"],
        }  # fmt: skip
    assert sum(text.startswith("RENAME") for text in server.said) == 1
    for _ in range(2):
        mariadb_tables.exchange("shop", "old", "new")
        assert sorted(server.tables["shop"]) == ["notes", "tags"]
    assert sorted(server.tables["new"]) == ["authors", "notes"]


def test_what_can_not_be_moved_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "sql", lambda *_: [["views", "0"], ["triggers", "2"], ["events", "1"]])
    assert mariadb_tables.unmoved("shop") == ["2 triggers", "1 events"]


def test_the_dump_of_a_restore_point_is_fetched_for_root_alone(tmp_path: Path) -> None:
    saved = {str(mariadb.file_of(points.staged("shop"), SHOP)): END.encode()}
    mariadb.fetch(Repository(saved), "abc", SHOP, tmp_path / "x.dump")  # type: ignore[arg-type]
    assert (tmp_path / "x.dump").read_text() == END
    assert [path.name for path in tmp_path.iterdir()] == ["x.dump"]
    with pytest.raises(BackupError, match="has no dump of shop"):
        mariadb.fetch(Repository({}), "abc", SHOP, tmp_path / "y.dump")  # type: ignore[arg-type]


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
