# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A dump's text is cut where psql would cut it, whatever stands in strings, bodies of functions and rows."""

from __future__ import annotations

import io

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._transfer import statements
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import Dump, DumpError

BODY = b"CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END"
CUT = {
    "nothing": (b"", []),
    "two statements and a comment": (b"SELECT 1; -- it's one\nSELECT 2;", [b"SELECT 1", b"SELECT 2"]),
    "a semicolon in a string": (b"SELECT 'a;''b';SELECT 2;", [b"SELECT 'a;''b'", b"SELECT 2"]),
    "a backslash in an ordinary string": (rb"SELECT 'a\';SELECT 2;", [rb"SELECT 'a\'", b"SELECT 2"]),
    "a backslash in an escape string": (rb"SELECT E'a\';b''c';SELECT 2;", [rb"SELECT E'a\';b''c'", b"SELECT 2"]),
    "a quoted name": (b'SELECT "a;""b";SELECT 2;', [b'SELECT "a;""b"', b"SELECT 2"]),
    "dollar quotes": (b"DO $$ x; $$;DO $a$ $b$ ; $a$;", [b"DO $$ x; $$", b"DO $a$ $b$ ; $a$"]),
    "a dollar in a name": (b"SELECT a$b$ ;SELECT 2;", [b"SELECT a$b$", b"SELECT 2"]),
    "comments within comments": (b"/* a /* ; */ ; */ SELECT 1 /* ; */;", [b"SELECT 1 /* ; */"]),
    "brackets of a rule": (b"CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);X;",
                           [b"CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)", b"X"]),
    "a body of SQL": (BODY + b";X;", [BODY, b"X"]),
    "a transaction, whose BEGIN has no body": (b"BEGIN;SELECT 1;END;", [b"BEGIN", b"SELECT 1", b"END"]),
    "the mark of an editor on Windows": (b"\xef\xbb\xbfSELECT 1;\r\nSELECT 2;\r\n", [b"SELECT 1", b"SELECT 2"]),
}  # fmt: skip


@pytest.mark.parametrize("block", [1 << 18, 7], ids=["in large blocks", "in small blocks"])
@pytest.mark.parametrize("name", CUT)
def test_a_dump_is_cut_where_psql_would_cut_it(name: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "BLOCK", block)
    text, wanted = CUT[name]
    assert [part.text for part in Dump(io.BytesIO(text)).parts()] == wanted


ROWS = {
    "some rows": (b"COPY t (a) FROM stdin;\n1\n2\n\\.\nSELECT 2;", b"1\n2\n", 5),
    "no rows": (b"COPY t (a) FROM stdin;\n\\.\n\nSELECT 2;", b"", 4),
    "NULL and a backslash": (b"COPY t FROM stdin WITH (FORMAT text);\n\\N\t\\\\.\n\\.\nX;", b"\\N\t\\\\.\n", 4),
    "lines of Windows": (b"COPY t FROM stdin;\r\n1\r\n\\.\r\nX;", b"1\r\n", 4),
    "semicolons, quotes and what looks like SQL": (b"COPY t FROM stdin;\n';$$--\n\\.\nX;", b"';$$--\n", 4),
    "the end of the file behind the last row": (b"COPY t FROM stdin;\n1\n\\.", b"1\n", 0),
}


@pytest.mark.parametrize("block", [1 << 18, 3], ids=["in large blocks", "in small blocks"])
@pytest.mark.parametrize("name", ROWS)
def test_rows_of_a_copy_are_kept_as_they_are(name: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "BLOCK", block)
    text, wanted, line = ROWS[name]
    parts = list(Dump(io.BytesIO(text)).parts())
    assert b"".join(part.text for part in parts if part.kind == "rows") == wanted
    assert sum(part.kind == "end" for part in parts) == 1
    assert [part.line for part in parts if part.kind == "statement"][1:] == ([line] if line else [])


def test_many_rows_come_in_pieces_that_end_with_a_row() -> None:
    row = b"1\thello\n"
    text = b"COPY t FROM stdin;\n" + row * 300_000 + b"\\.\n"
    pieces = [part.text for part in Dump(io.BytesIO(text)).parts() if part.kind == "rows"]
    assert len(pieces) > 2 and b"".join(pieces) == row * 300_000
    assert all(piece.endswith(b"\n") for piece in pieces)


def test_commands_of_psqls_are_told_apart() -> None:
    parts = [(part.kind, part.text) for part in Dump(io.BytesIO(b"\\restrict x\nSELECT 1;\n\\! id\n")).parts()]
    assert parts == [("command", b"\\restrict x"), ("statement", b"SELECT 1"), ("command", b"\\! id")]


REFUSED = {
    "a statement without its end": (b"SELECT 1", "line 1: the file is truncated"),
    "a string without its end": (b"SELECT 'a", "truncated"),
    "a dollar quote without its end": (b"\nDO $$ a", "line 2: the file is truncated"),
    "a comment without its end": (b"/* a", "truncated"),
    "rows without their end": (b"COPY t FROM stdin;\n1\n2\n", "rows of a COPY"),
    "pg_dump's begin without its end": (b"--\n-- PostgreSQL database dump\n--\nSELECT 1;\n", "complete, is missing"),
    "a command of psql's within a statement": (b"SELECT 1\n \\! touch /tmp/x\n;", "line 2 has a psql command"),
    "no text": (b"PK\0\1", "null bytes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_cut_off_or_no_dump_is_named(name: str) -> None:
    text, said = REFUSED[name]
    with pytest.raises(DumpError) as error:
        list(Dump(io.BytesIO(text)).parts())
    assert said in str(error.value)


def test_a_dump_with_its_last_line_is_whole() -> None:
    text = b"""--
-- PostgreSQL database dump
--
\\restrict x
SELECT 1;
--
-- PostgreSQL database dump complete
--
\\unrestrict x
"""
    assert sum(part.kind == "statement" for part in Dump(io.BytesIO(text)).parts()) == 1
