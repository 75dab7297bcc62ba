# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A database in MariaDB in a restore point: a dump that is whole, or none."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import (
    journal,
    mariadb,
    mariadb_objects,
    mariadb_swap,
    mariadb_tables,
    points,
    swap,
)
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


@pytest.mark.parametrize("sign", ["\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_a_table_whose_name_has_what_ends_a_line_elsewhere_stops_no_backup(program: Path, sign: str) -> None:
    says(program, f"a{sign}b\t2026-11-26 14:05:00\t1\nplain\t\t0\n")
    assert mariadb._changed(SHOP) == {f"a{sign}b": ("2026-11-26 14:05:00", True), "plain": ("", False)}


@pytest.mark.parametrize(
    ("text", "status", "said"), [("INSERT", 0, "is truncated"), (END, 2, "the dump of shop failed")]
)
def test_half_a_dump_is_no_backup(program: Path, tmp_path: Path, text: str, status: int, said: str) -> None:
    says(program, f"{text}\n", status)
    with pytest.raises(BackupError, match=said):
        mariadb.dump(SHOP, tmp_path)


def test_a_view_whose_table_is_gone_does_not_keep_the_rest_from_a_backup(program: Path, tmp_path: Path) -> None:
    broken = "mariadb-dump: Couldn't execute 'SHOW FIELDS FROM `v`': View 'shop.v' references invalid table(s) (1356)"
    for more, whole in (("", True), ("\nmariadb-dump: Error 1412: Table definition has changed", False)):
        program.write_text(f"#!/bin/sh\ncat <<'EOF' >&2\n{broken}{more}\nEOF\necho '-- Dump completed'\nexit 2\n")
        program.chmod(0o755)
        folder = tmp_path / str(whole)
        folder.mkdir()
        if whole:
            assert mariadb.dump(SHOP, folder)
        else:
            with pytest.raises(BackupError, match="definition has changed"):
                mariadb.dump(SHOP, folder)


def test_a_disk_that_is_too_full_is_not_filled(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mariadb, "look", lambda app: Database(2**62, ""))
    with pytest.raises(BackupError, match="MB are free"):
        mariadb.dump(SHOP, tmp_path)


def test_half_a_dump_is_not_loaded(program: Path, tmp_path: Path) -> None:
    says(program, "")
    (tmp_path / "half.sql").write_text("CREATE TABLE t (id INT);")
    with pytest.raises(BackupError, match="not a complete dump"):
        mariadb.load(SHOP, tmp_path / "half.sql", "shop_new", tmp_path / "aside.sql")


class Server:
    """A server that has tables and other things (kind, name, definer) by database, and does what it is told of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **tables: list[str]) -> None:
        self.tables, self.said = tables, list[str]()
        self.objects: dict[str, list[list[str]]] = {}
        monkeypatch.setattr(names, "sql", self.sql)

    def sql(self, text: str, database: str = "", user: str = "root") -> list[list[str]]:
        self.said.append(text)
        if "@@datadir" in text:
            return [["/"]]
        if "information_schema.TABLES" in text:
            name = text.split("TABLE_SCHEMA = '")[1].split("'")[0]
            return [[table] for table in sorted(self.tables.get(name, []))]
        if "information_schema.VIEWS" in text:
            return [*self.objects.get(text.split("TABLE_SCHEMA = '")[1].split("'")[0], [])]
        if text.startswith("CREATE DATABASE"):
            self.tables.setdefault(text.split("`")[1], [])
        if text.startswith("DROP DATABASE"):
            self.tables.pop(text.split("`")[1], None)
        elif text.startswith("DROP ") and "USER" not in text:
            self.objects[database] = []
        if "ACCOUNT LOCK" in text or "ACCOUNT UNLOCK" in text:
            self.locked = "ACCOUNT LOCK" in text
        if "RENAME TABLE" in text:
            assert "lock_wait_timeout" in text  # nobody waits a day for a table
            assert not any(self.objects.values()), "RENAME TABLE refuses tables with triggers"
            for move in text.partition("RENAME TABLE ")[2].rstrip(";").split(", "):
                _, source, _, table, _, target, *_ = move.split("`")
                self.tables[source].remove(table)
                assert table not in self.tables[target], move
                self.tables[target].append(table)
        return []


def test_what_the_server_says_is_told_when_loading_fails_and_who_loaded_is_gone(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(monkeypatch)
    program.write_text("#!/bin/sh\necho 'ERROR 1044 (42000) at line 7: no' >&2; exit 1\n")
    program.chmod(0o755)
    (tmp_path / "whole.sql").write_text(END)
    with pytest.raises(BackupError, match=r"MariaDB refuses it: ERROR 1044 \(42000\): no"):
        mariadb.load(SHOP, tmp_path / "whole.sql", "shop_new", tmp_path / "aside.sql")
    made = next(text for text in server.said if text.startswith("CREATE USER"))
    assert "GRANT ALL PRIVILEGES ON `shop\\_new`.* TO" in made and made.count("GRANT") == 1
    who = f"'{mariadb_tables.loader_of('shop_new')}'@'localhost'"
    assert server.said[-1] == f"DROP USER IF EXISTS {who}; KILL USER {who};"


def test_a_dump_is_loaded_by_a_client_that_takes_no_commands_and_has_no_password_in_its_arguments(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Server(monkeypatch)
    said = tmp_path / "said"
    program.write_text(f'#!/bin/sh\necho "$MYSQL_PWD" "$@" >{said}; cat >>{said}\n')
    program.chmod(0o755)
    path, aside = tmp_path / "whole.sql", tmp_path / "aside.sql"
    path.write_text(
        "USE `other`;\nCREATE TABLE t (a INT);\nCREATE DEFINER=`root`@`%` VIEW v AS SELECT 1;\n"
        f"CREATE DEFINER=`root`@`%` EVENT e ON SCHEDULE EVERY 1 SECOND DO DROP TABLE t;\n{END}"
    )
    mariadb.load(SHOP, path, "shop_new", aside)
    arguments, *lines = said.read_text().splitlines()
    password, *words = arguments.split()
    assert {"--no-defaults", "--binary-mode", "--local-infile=0", "shop_new"} <= set(words)
    assert len(password) > 40 and password not in " ".join(words)
    assert lines == ["CREATE TABLE t (a INT)", ";", "INSERT INTO t VALUES (1)", ";"]
    assert "VIEW v" in aside.read_text() and "EVENT e" in aside.read_text() and "TABLE t (" not in aside.read_text()
    assert aside.stat().st_mode & 0o077 == 0


def test_restored_tables_and_those_that_are_there_change_places_at_once_and_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(monkeypatch, shop=["notes", "tags"], new=["notes", "authors"])
    server.objects = {"shop": [["TRIGGER", "up", "shop@localhost"]], "new": [["VIEW", "v", "x@localhost"]]}
    for _ in range(2):  # done again after a kill, it does nothing
        mariadb_swap.exchange("shop", "new", "old")
        assert {name: sorted(found) for name, found in server.tables.items()} == {
            "shop": ["authors", "notes"], "old": ["notes", "tags"],
        }  # fmt: skip
    assert sum("RENAME" in text for text in server.said) == 1
    for _ in range(2):
        mariadb_swap.exchange("shop", "old", "new")
        assert sorted(server.tables["shop"]) == ["notes", "tags"]
    assert sorted(server.tables["new"]) == ["authors", "notes"]


def test_what_was_restored_into_an_empty_database_leaves_it_empty_when_it_is_undone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(journal, "FOLDER", tmp_path)
    server = Server(monkeypatch, shop=[], new=["notes"])
    one = journal.Journal("shop", "20261126T120000Z", mariadb="shop", user="shop", new="new", kept="old", had=False)
    swap.back(one)  # killed before anything moved
    assert server.tables["new"] == ["notes"] and server.tables["shop"] == []
    swap.forward(one)
    assert server.tables["shop"] == ["notes"]
    for _ in range(2):
        swap.back(one)
        assert server.tables == {"shop": [], "new": ["notes"]}


def test_the_apps_account_is_locked_while_tables_move_and_let_in_again_whatever_happens(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(journal, "FOLDER", tmp_path)
    server = Server(monkeypatch, shop=["notes"], new=["notes"])
    server.locked = False

    def refuses(text: str, database: str = "", user: str = "root") -> list[list[str]]:
        if "RENAME TABLE" in text:
            assert server.locked
            raise names.MysqlError("Lock wait timeout exceeded")
        return server.sql(text, database, user)

    monkeypatch.setattr(names, "sql", refuses)
    with pytest.raises(BackupError, match="Lock wait timeout"):
        mariadb_swap.exchange("shop", "new", "old", user="shop")
    assert not server.locked
    server.locked = True  # killed meanwhile
    swap.back(journal.Journal("shop", "20261126T120000Z", mariadb="shop", user="shop", new="new", kept="old"))
    assert not server.locked


def test_what_belongs_to_another_account_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(monkeypatch)
    server.objects = {"shop": [["VIEW", "mine", "shop@localhost"], ["TRIGGER", "theirs", "root@localhost"]]}
    assert mariadb_objects.foreign("shop", "shop") == ["trigger theirs (root@localhost)"]


def test_views_and_triggers_are_made_again_by_the_apps_own_account(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, said = Server(monkeypatch), tmp_path / "said"
    server.objects = {"shop": [["VIEW", "new", "shop@localhost"]]}
    program.write_text(f'#!/bin/sh\necho "$@" >{said}; cat >>{said}\n')
    program.chmod(0o755)
    (tmp_path / "old.sql").write_text("CREATE VIEW old AS SELECT 1;\n")
    mariadb_swap.place("shop", tmp_path / "old.sql", "shop")
    assert server.objects == {"shop": []}
    arguments, *lines = said.read_text().splitlines()
    assert {"--user=shop", "--binary-mode", "--local-infile=0"} <= set(arguments.split())
    assert lines == ["CREATE VIEW old AS SELECT 1;"]


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
