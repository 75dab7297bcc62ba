# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Dumps of MySQL and MariaDB: cut into statements, and each made one that a shared server takes."""

from __future__ import annotations

import io
import tracemalloc

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._mysql import dump_text, statements
from ansible_collections.slipway.flask.plugins.module_utils._mysql.dump_text import Dump, TextError
from ansible_collections.slipway.flask.plugins.module_utils._mysql.statements import Statements

KNOWN = {"utf8mb4_unicode_ci", "utf8mb4_uca1400_nopad_ai_ci", "utf8mb4_nopad_bin", "utf8mb4_unicode_520_nopad_ci"}


class Slow(io.BytesIO):
    """A file that gives an octet at a time: each token is cut in two somewhere."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(1)


def cut(text: str, file: type[io.BytesIO] = io.BytesIO) -> list[str]:
    return [one.text.decode() for one in Statements(file(text.encode()))]


def taken(text: str) -> list[tuple[str, str]]:
    return [(kind, one.text.decode()) for kind, one in Dump(io.BytesIO(text.encode()), KNOWN).parts()]


CUTS = {
    "a semicolon in a string": ("INSERT INTO t VALUES ('a;b');SELECT 1;", ["INSERT INTO t VALUES ('a;b')", "SELECT 1"]),
    "a quote behind a backslash": (r"INSERT INTO t VALUES ('a\';b\\');X;", [r"INSERT INTO t VALUES ('a\';b\\')", "X"]),
    "a quote that is doubled": ("INSERT INTO t VALUES ('a'';b');X;", ["INSERT INTO t VALUES ('a'';b')", "X"]),
    "a line in a string that looks like a command": (
        "INSERT INTO t VALUES ('\nUSE other;\n\\! id\n');",
        ["INSERT INTO t VALUES ('\nUSE other;\n\\! id\n')"],
    ),
    "a semicolon in a name": ('CREATE TABLE `a;``b` ("c;d" INT);', ['CREATE TABLE `a;``b` ("c;d" INT)']),
    "comments": ("-- a; 'b\n# c; \"d\n/* e; 'f */ SELECT 1 /* g; */ -- h;\n;X;", ["SELECT 1 /* g; */ -- h;\n", "X"]),
    "two minus signs that are no comment": ("SELECT 1--1;X;", ["SELECT 1--1", "X"]),
    "comments that are executed": (
        "/*!40101 SET NAMES utf8mb4 */;/*M!100616 SET a=';' */;",
        ["/*!40101 SET NAMES utf8mb4 */", "/*M!100616 SET a=';' */"],
    ),
    "delimiters": (
        "DELIMITER ;;\nCREATE TRIGGER a BEGIN x; y; END ;;\ndelimiter ;\nX;",
        ["CREATE TRIGGER a BEGIN x; y; END ", "X"],
    ),
    "the client's own mark of a sandbox": ("/*M!999999\\- enable the sandbox mode */ \nX;", ["X"]),
    "the mark of an editor on Windows": ("\ufeffX;\r\nY;\r\n", ["X", "Y"]),
    "a last statement without its semicolon": ("X;\nY", ["X", "Y"]),
    "nothing": ("\n-- nothing\n", []),
}


@pytest.mark.parametrize("file", [io.BytesIO, Slow])
@pytest.mark.parametrize("case", CUTS)
def test_statements_are_cut_where_the_server_would(
    case: str, file: type[io.BytesIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    text, wanted = CUTS[case]
    if file is Slow:
        monkeypatch.setattr(statements, "LOOK", statements.NEAR)
    assert cut(text, file) == wanted


def test_a_statement_that_is_longer_than_what_is_read_at_once_stays_whole() -> None:
    row = "('" + "x;" * 100 + "')"
    text = "INSERT INTO t VALUES " + ",".join([row] * 20_000)
    assert cut(text + ";X;") == [text, "X"]


@pytest.mark.parametrize("piece", [r"\'", r"\"\\", "'',", "`a`,", "'b',", "x-"])
def test_what_an_app_has_written_takes_no_memory_beyond_its_own_size(piece: str) -> None:
    count = 300_000
    rows = piece * count
    text = f"INSERT INTO t VALUES ({rows if piece[0] in chr(39) + '`x' else chr(39) + rows + chr(39)})"
    file = io.BytesIO(f"{text};X;".encode())
    tracemalloc.start()
    try:
        found = [one.text for one in Statements(file)]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == [text.encode(), b"X"]
    assert peak < 8 * len(text)


@pytest.mark.parametrize(
    "text",
    ["X; INSERT INTO t VALUES ('a", "X; /* a", "-- MySQL dump 10.13\nX;\n", "-- MariaDB dump 10.19\nX;\nINSERT INTO t VALUES (1"],
)  # fmt: skip
def test_a_dump_that_is_cut_off_is_refused(text: str) -> None:
    with pytest.raises(TextError, match="truncated"):
        cut(text)


OF_ONE = {
    "a database's name is left out": ("CREATE DATABASE /*!32312 IF NOT EXISTS*/ `a`;USE `a`;X;", [("table", "X")]),
    "a definer is left out, of a view": (
        "/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`root`@`%` SQL SECURITY DEFINER */\n"
        "/*!50001 VIEW v AS SELECT 1 */;",
        [
            (
                "object",
                "/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013  SQL SECURITY DEFINER */\n/*!50001 VIEW v AS SELECT 1 */",
            )
        ],
    ),
    "and of a trigger": (
        "/*!50003 CREATE*/ /*!50017 DEFINER=`a b`@`localhost`*/ /*!50003 TRIGGER t BEFORE INSERT ON x "
        "FOR EACH ROW SET NEW.a = 1 */;",
        [
            (
                "object",
                "/*!50003 CREATE*/ /*!50017 */ /*!50003 TRIGGER t BEFORE INSERT ON x FOR EACH ROW SET NEW.a = 1 */",
            )
        ],
    ),
    "and of a routine": (
        "CREATE DEFINER=root@localhost FUNCTION f() RETURNS INT RETURN 1;",
        [("object", "CREATE  FUNCTION f() RETURNS INT RETURN 1")],
    ),
    "and of an event": (
        "CREATE DEFINER=CURRENT_USER() EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1;",
        [("object", "CREATE  EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1")],
    ),
    "and of a package": (
        "CREATE DEFINER=`r`@`%` PACKAGE BODY p AS END;",
        [("object", "CREATE  PACKAGE BODY p AS END")],
    ),
    "a row that speaks of a definer stays": (
        "INSERT INTO t VALUES ('DEFINER=root@localhost utf8mb4_0900_ai_ci');",
        [("table", "INSERT INTO t VALUES ('DEFINER=root@localhost utf8mb4_0900_ai_ci')")],
    ),
    "a view's placeholder is an object": (
        "/*!50001 CREATE VIEW v AS SELECT 1 AS a*/;",
        [("object", "/*!50001 CREATE VIEW v AS SELECT 1 AS a*/")],
    ),
    "settings hold for both": (
        "/*!50003 SET sql_mode = 'ANSI' */;",
        [("session", "/*!50003 SET sql_mode = 'ANSI' */")],
    ),
    "MySQL's collation becomes MariaDB's": (
        "CREATE TABLE t (a TEXT COLLATE utf8mb4_0900_bin) COLLATE=utf8mb4_0900_ai_ci;",
        [("table", "CREATE TABLE t (a TEXT COLLATE utf8mb4_nopad_bin) COLLATE=utf8mb4_uca1400_nopad_ai_ci")],
    ),
    "what is the server's is left out": (
        "SET @@SESSION.SQL_LOG_BIN= 0;SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '';GRANT ALL ON *.* TO a;CREATE USER a;"
        "SET GLOBAL general_log = 1;FLUSH PRIVILEGES;CHANGE MASTER TO MASTER_HOST='a';X;",
        [("table", "X")],
    ),
}


@pytest.mark.parametrize("case", OF_ONE)
def test_each_statement_becomes_one_of_a_server_that_is_shared(case: str) -> None:
    text, wanted = OF_ONE[case]
    assert taken(text) == wanted


def test_what_was_left_out_and_changed_is_told() -> None:
    dump = Dump(io.BytesIO(b"GRANT ALL ON a TO b;CREATE TABLE t (a TEXT) COLLATE utf8mb4_0900_ai_ci;"), KNOWN)
    assert len([*dump.parts()]) == 1
    assert dump.tables == 1
    assert dump.collations == {"utf8mb4_0900_ai_ci": "utf8mb4_uca1400_nopad_ai_ci"}
    assert list(dump.left_out.values()) == [1]


def test_a_server_without_unicode_14_gets_the_next_older_collation() -> None:
    assert (
        dump_text.collation(b"utf8mb4_0900_ai_ci", {"utf8mb4_unicode_520_nopad_ci"}) == b"utf8mb4_unicode_520_nopad_ci"
    )
    assert dump_text.collation(b"utf8mb4_0900_ai_ci", {"utf8mb4_0900_ai_ci"}) == b"utf8mb4_0900_ai_ci"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("USE a;X;USE b;", "several databases (a, b)"),
        ("CREATE TABLE t (a TEXT COLLATE utf8mb4_de_pb_0900_ai_ci);", "MySQL's collation utf8mb4_de_pb_0900_ai_ci"),
        ("CREATE TABLE t (a TEXT COLLATE utf8mb4_0900_as_cs);", "MySQL's collation utf8mb4_0900_as_cs"),
    ],
)
def test_what_can_not_be_taken_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(TextError) as refused:
        taken(text)
    assert said in str(refused.value)
