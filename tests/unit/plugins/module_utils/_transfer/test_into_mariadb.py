# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A dump that goes into MariaDB: what is there is looked at with the app's rights, and the dump is read with them."""

from __future__ import annotations

import gzip
import os
import pwd
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import (
    journal,
    mariadb,
    mariadb_load,
    mariadb_objects,
)
from ansible_collections.slipway.flask.plugins.module_utils._mysql import names
from ansible_collections.slipway.flask.plugins.module_utils._transfer import into_mariadb, places
from ansible_collections.slipway.flask.plugins.module_utils._transfer.source import Source
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """What a server is asked that has the database shop with two tables, and in which database and as whom."""
    said = list[tuple[str, str, str]]()

    def sql(text: str, database: str = "", user: str = "") -> list[list[str]]:
        said.append((text, database, user))
        if "SCHEMATA" in text:
            return [["1"]] if "'shop'" in text else []
        if "information_schema.TABLES" in text:
            return [["alembic_version"], ["orders"], ["old`; DROP TABLE x"]]
        return [["1"]] if "EXISTS (" in text else []

    monkeypatch.setattr(names, "sql", sql)
    monkeypatch.setattr(mariadb_load, "folder", lambda: Path("/"))
    monkeypatch.setattr(places, "need", lambda *_: None)
    return said


def test_rows_are_looked_for_with_the_apps_rights_and_a_migrations_head_is_none(
    asked: list[tuple[str, str, str]],
) -> None:
    assert into_mariadb.look("shop", "shop", 100) == ["the database shop has rows"]
    text, database, user = next(one for one in asked if "EXISTS (SELECT" in one[0])
    assert (database, user) == ("shop", "shop") and "alembic_version" not in text
    assert "FROM `old``; DROP TABLE x`)" in text


def test_an_import_is_refused_without_a_database_and_over_what_belongs_to_another_account(
    asked: list[tuple[str, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DumpError, match="there is no database blog on this host"):
        into_mariadb.look("blog", "blog", 100)
    monkeypatch.setattr(mariadb_objects, "foreign", lambda database, user: ["view theirs (root@localhost)"])
    with pytest.raises(DumpError, match="view theirs"):
        into_mariadb.look("shop", "shop", 100)


def test_a_compressed_dump_is_loaded_and_what_was_left_out_is_told(
    asked: list[tuple[str, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "FOLDER", tmp_path)
    monkeypatch.setattr(mariadb, "make", lambda live, new: None)
    monkeypatch.setattr(mariadb_load, "collations", lambda: {"utf8mb4_uca1400_nopad_ai_ci"})
    (tmp_path / "shop").mkdir()
    program, said = tmp_path / "mariadb", tmp_path / "said"
    program.write_text(f"#!/bin/sh\ncat >{said}\n")
    program.chmod(0o755)
    monkeypatch.setattr(names, "find_client", lambda: str(program))
    dump = tmp_path / "old.sql.gz"
    text = "GRANT ALL ON x TO y;\nCREATE TABLE t (a TEXT) COLLATE utf8mb4_0900_ai_ci;\nCREATE DEFINER=`r`@`%` VIEW v AS SELECT 1;\n"
    dump.write_bytes(gzip.compress(text.encode()))
    user = pwd.getpwuid(os.geteuid()).pw_name
    target = into_mariadb.Target(journal.Journal("shop", "20261126T120000Z", mariadb="shop", user=user, new="new"))
    left_out, notes = target.fill(Source(dump, "plain", "gzip"), lambda text: None)
    assert list(left_out.values()) == [1] and notes == [
        "the collation utf8mb4_0900_ai_ci became utf8mb4_uca1400_nopad_ai_ci"
    ]
    assert said.read_text() == "CREATE TABLE t (a TEXT) COLLATE utf8mb4_uca1400_nopad_ai_ci\n;\n"
    assert "VIEW v AS SELECT 1" in target.journal.objects.read_text()


def test_a_dump_that_is_cut_off_in_its_compression_is_refused(
    asked: list[tuple[str, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "FOLDER", tmp_path)
    monkeypatch.setattr(mariadb, "make", lambda live, new: None)
    monkeypatch.setattr(mariadb_load, "collations", set)
    monkeypatch.setattr(names, "find_client", lambda: "/bin/cat")
    (tmp_path / "shop").mkdir()
    dump = tmp_path / "old.sql.gz"
    dump.write_bytes(gzip.compress(os.urandom(5000).hex().encode())[:-500])
    user = pwd.getpwuid(os.geteuid()).pw_name
    target = into_mariadb.Target(journal.Journal("shop", "20261126T120000Z", mariadb="shop", user=user, new="new"))
    with pytest.raises(DumpError, match="damaged or truncated"):
        target.fill(Source(dump, "plain", "gzip"), lambda text: None)
