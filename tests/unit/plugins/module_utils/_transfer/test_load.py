# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A dump is looked through without a server, then run statement by statement; what fails is named."""

from __future__ import annotations

import io

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._postgres.libpq import ServerError
from ansible_collections.slipway.flask.plugins.module_utils._transfer import load
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError

DUMP = rb"""\restrict abc
SET transaction_timeout = 0;
SET standard_conforming_strings = on;
CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA ext;
CREATE TABLE t (id int, name text);
ALTER TABLE t OWNER TO u3;
COPY t (id, name) FROM stdin;
1	a;b
2	\N
\.
GRANT ALL ON t TO u3;
GRANT ALL ON t TO u4;
\unrestrict abc
"""


class Session:
    """Takes all statements but those that begin with one of REFUSED (begin -> error)."""

    def __init__(self, refused: dict[bytes, ServerError] | None = None) -> None:
        self.refused, self.ran, self.copied = refused or {}, list[bytes](), b""
        self.open: bytes = b""

    def run(self, sql: bytes) -> bool:
        self.ran.append(sql)
        for begin, error in self.refused.items():
            if sql.startswith(begin) and b"stdin" not in sql:
                raise error
        self.open = sql if sql.startswith(b"COPY") else b""
        return bool(self.open)

    def rows(self, rows: bytes) -> None:
        self.copied += rows

    def end_rows(self) -> None:
        for begin, error in self.refused.items():
            if self.open.startswith(begin):
                raise error


def loaded(text: bytes, session: Session, numbered: bool = True) -> dict[str, int]:
    return load.Loader(session, ["public", "ext"], numbered).load(io.BytesIO(text))  # type: ignore[arg-type]


def test_a_dump_is_looked_through_for_what_it_needs() -> None:
    found = load.survey(io.BytesIO(DUMP))
    assert found.extensions == [{"name": "citext", "schema": "ext"}]
    assert (found.statements, found.rows) == (8, 11)


REFUSED = {
    "two databases": (
        b"\\connect shop\nSELECT 1;\n\\connect other\n",
        "line 3 switches to another database (other, shop)",
    ),
    "a command of psql's": (b"SELECT 1;\n\\! id\n", r"line 2: it has the psql command \\!"),
    "a program": (b"SELECT 1;\nCOPY t FROM PROGRAM 'id';\n", "line 2: it has a COPY with a file or a program"),
    "nothing": (b"-- only a comment\n", "no SQL in it"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_dump_has_is_refused_before_anything_runs(name: str) -> None:
    text, said = REFUSED[name]
    with pytest.raises(DumpError, match=said.replace("(", r"\(").replace(")", r"\)")):
        load.survey(io.BytesIO(text))


def test_a_database_that_only_makes_another_one_is_no_second_one() -> None:
    load.survey(io.BytesIO(b"\\connect template1\nCREATE DATABASE shop;\n\\connect shop\nSELECT 1;\n"))


def test_statements_and_rows_are_run_and_the_rest_is_counted() -> None:
    session = Session({b"SET transaction_timeout": ServerError("unrecognized", "42704")})
    assert loaded(DUMP, session) == {"owners": 1, "rights": 2}
    assert session.ran[2:] == [b"CREATE TABLE t (id int, name text)", b"COPY t (id, name) FROM stdin"]
    assert session.copied == b"1\ta;b\n2\t\\N\n"


FAILS = {
    "a statement": (
        {b"CREATE TABLE": ServerError("type does not exist", "42704", "Key (a)=(1)")}, True,
        "the statement in line 5 failed: type does not exist (Key (a)=(1)) [42704]\n  CREATE TABLE t (id int, name text)",
    ),
    "a statement of an archive, whose lines nobody has": (
        {b"CREATE TABLE": ServerError("type does not exist", "42704")}, False,
        "this statement failed: type does not exist [42704]\n  CREATE TABLE t (id int, name text)",
    ),
    "a row": (
        {b"COPY t": ServerError("invalid input", "22P02", context='COPY t, line 2, column id: "x"')}, True,
        "the statement in line 7 failed, in row 2 of t: invalid input [22P02]\n  COPY t (id, name) FROM stdin",
    ),
    "a session that has ended": (
        {b"CREATE TABLE": ServerError("server closed the connection unexpectedly")}, True,
        "the statement in line 5 failed: server closed the connection unexpectedly\n  CREATE TABLE t (id int, name text)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILS)
def test_what_failed_is_named_with_its_line_or_row(name: str) -> None:
    refused, numbered, said = FAILS[name]
    with pytest.raises(DumpError) as error:
        loaded(DUMP, Session(refused), numbered)
    assert str(error.value) == said


def test_strings_are_read_as_the_dump_says_that_they_are_written() -> None:
    text = b"SET standard_conforming_strings = off;\nSELECT 'it\\'s; one';\nSET standard_conforming_strings = on;\nSELECT 'a\\';\n"
    session = Session()
    loaded(text, session)
    assert session.ran[1::2] == [b"SELECT 'it\\'s; one'", b"SELECT 'a\\'"]


def whole(text: bytes, session: Session) -> dict[str, int]:
    return load.Loader(session, ["public"], whole=True).load(io.BytesIO(text))  # type: ignore[arg-type]


def test_in_one_transaction_what_may_fail_has_a_savepoint_and_the_dump_ends_nothing() -> None:
    session = Session({b"SET transaction_timeout": ServerError("unrecognized", "42704")})
    whole(b"BEGIN;\nSET transaction_timeout = 0;\nCREATE TABLE t (id int);\nCOMMIT;\n", session)
    assert session.ran == [
        b"SAVEPOINT slipway", b"SET transaction_timeout = 0", b"ROLLBACK TO SAVEPOINT slipway", b"CREATE TABLE t (id int)",
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "without"), [("pg_stat_statements", True), ("citext", False)])
def test_in_one_transaction_a_dump_makes_its_extensions_itself(name: str, without: bool) -> None:
    text = f"CREATE EXTENSION IF NOT EXISTS {name};\n".encode()
    session = Session()
    assert whole(text, session) == {} and session.ran[-1].startswith(b"CREATE EXTENSION")
    session = Session({b"CREATE EXTENSION": ServerError("permission denied", "42501")})
    if without:
        assert whole(text, session) == {f"the extension {name}": 1}
    else:
        with pytest.raises(DumpError, match="permission denied"):
            whole(text, session)


class Answering(Session):
    def __init__(self, *answers: str) -> None:
        super().__init__()
        self.answers = list(answers)

    def value(self, sql: str) -> str:
        return self.answers.pop(0)


@pytest.mark.parametrize(("answers", "heads"), [(("t", "0005"), ["0005"]), (("t", "a,b"), ["b", "a"]), ((), None)])
def test_a_dump_at_the_releases_head_stays(answers: tuple[str, ...], heads: list[str] | None) -> None:
    load.compare(Answering(*answers), heads)  # type: ignore[arg-type]


@pytest.mark.parametrize("answers", [("f",), ("t", ""), ("t", "0004")])
def test_a_dump_at_another_head_does_not(answers: tuple[str, ...]) -> None:
    with pytest.raises(DumpError, match=r"its migration head is (none|0004), the release's 0005"):
        load.compare(Answering(*answers), ["0005"])  # type: ignore[arg-type]
