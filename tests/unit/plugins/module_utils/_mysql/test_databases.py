# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""One owner and one database per app on MariaDB: what is made, and what belongs to somebody else."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._mysql import databases, names
from ansible_collections.slipway.flask.plugins.module_utils._mysql.databases import Account, Database, State

SHOP = Database("my_shop", "my_shop")
OWNER = Account("my_shop", "localhost", True)
ALL = {"user": "my_shop", "host": "localhost", "database": "my\\_shop", "whole": 1}
COLLATION = "utf8mb4_unicode_ci"
ANSWER = r"""database	my_shop	utf8mb4
account	{"user": "my_shop", "host": "localhost", "priv": "{\\"access\\":0,\\"plugin\\":\\"unix_socket\\",\\"authentication_string\\":\\"\\"}"}
account	{"user": "root", "host": "localhost", "priv": {"access":18446744073709551615,"plugin":"mysql_native_password","authentication_string":"invalid","auth_or":[{},{"plugin":"unix_socket"}]}}
grant	{"user": "my_shop", "host": "localhost", "database": "my\\\\_shop", "whole": 1}
test	0
"""  # noqa: E501 (what the client prints)


def test_what_the_server_tells_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        names, "sql", lambda *_: [list(map(names.unescaped, line.split("\t"))) for line in ANSWER.splitlines()]
    )
    state = databases.read_state()
    assert state.databases == {"my_shop": "utf8mb4"}
    assert state.may("my_shop", "my_shop")
    assert [one.plain for one in state.accounts] == [True, False]


def test_a_new_app_gets_an_account_without_a_password_and_its_own_database_only() -> None:
    todo = databases.plan([SHOP], State(), COLLATION, own=True)
    assert todo.statements == [
        "CREATE USER 'my_shop'@'localhost' IDENTIFIED VIA unix_socket",
        "CREATE DATABASE `my_shop` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
        # Without the backslash, `_` stands for any character: the right would be one on myXshop as well.
        "GRANT ALL PRIVILEGES ON `my\\_shop`.* TO 'my_shop'@'localhost'",
    ]
    assert todo.created == ["my_shop"]


def test_what_is_there_needs_nothing() -> None:
    state = State({"my_shop": "utf8mb4"}, [OWNER], [ALL])
    assert databases.conflicts([SHOP], state) == []
    assert databases.plan([SHOP], state, COLLATION, own=True).statements == []


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (State({"my_shop": "utf8mb4"}, [], []), "somebody else created it"),
        (State({"my_shop": "utf8mb4"}, [OWNER], [{**ALL, "whole": 0}]), "no privileges on all of it"),
        (State({"my_shop": "utf8mb4"}, [OWNER], [{**ALL, "database": "my_shop"}]), "no privileges on all of it"),
        (State({}, [Account("my_shop", "localhost", False)], []), "does not log in by unix_socket"),
    ],
)
def test_what_somebody_else_has_made_is_refused_with_the_way_to_hand_it_over(state: State, said: str) -> None:
    (problem,) = databases.conflicts([SHOP], state)
    assert said in problem
    assert "IDENTIFIED VIA unix_socket" in problem


@pytest.mark.parametrize(
    ("own", "tables", "statements", "warns"),
    [
        (True, 0, ["DROP USER ''@'h'", "DELETE FROM mysql.db WHERE User = '' AND Db LIKE 'test%'", "FLUSH PRIVILEGES",
                   "DROP DATABASE test"], ""),
        (True, 2, ["DROP USER ''@'h'", "DELETE FROM mysql.db WHERE User = '' AND Db LIKE 'test%'", "FLUSH PRIVILEGES"],
         "has tables and is kept"),
        (False, 0, [], "nothing was revoked"),
    ],
)  # fmt: skip
def test_doors_for_everybody_are_closed_unless_the_server_is_somebody_else_s(
    own: bool, tables: int, statements: list[str], warns: str
) -> None:
    everybody = {"user": "", "host": "%", "database": "test\\_%", "whole": 0}
    todo = databases.plan(
        [], State({"test": "utf8mb4"}, [Account("", "h", False)], [everybody], tables), COLLATION, own
    )
    assert todo.statements == statements
    assert warns in " ".join(todo.warnings)


def test_databases_of_others_are_those_that_nobody_asked_for() -> None:
    state = State(dict.fromkeys(["mysql", "sys", "my_shop", "wordpress", "test"], "utf8mb4"))
    assert state.others([SHOP]) == ["wordpress"]


def test_a_database_with_another_character_set_is_told_of() -> None:
    (warning,) = databases.plan([SHOP], State({"my_shop": "latin1"}, [OWNER], [ALL]), COLLATION, own=True).warnings
    assert "latin1" in warning


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ("x", "must be a list"),
        ([{"owner": "x"}], "must be a mapping with 'name'"),
        ([{"name": "Shop"}], "must begin with a small letter"),
        ([{"name": "mysql"}], "keeps for itself"),
        ([{"name": "shop", "owner": "root"}], "the owner 'root'"),
        ([{"name": "shop"}, {"name": "shop"}], "listed twice"),
        ([{"name": "shop", "extensions": []}], "unknown key 'extensions'"),
        ([{"name": "a" * 65}], "64 characters at most"),
    ],
)
def test_names_that_mariadb_would_not_take_are_refused(entries: object, said: str) -> None:
    assert said in " ".join(names.database_problems(entries))


@pytest.mark.parametrize("name", ["shop", "my_shop", "my-shop", "_a1", "a" * 64])
def test_names_that_mariadb_takes_are_not_refused(name: str) -> None:
    assert names.database_problems([{"name": name}]) == []


@pytest.mark.parametrize(
    ("text", "quoted"), [("a'b", "'a''b'"), ("a\\", "'a\\\\'"), ("ü", "'ü'")]
)  # fmt: skip
def test_text_is_quoted(text: str, quoted: str) -> None:
    assert names.literal(text) == quoted
    assert names.identifier("a`b") == "`a``b`"
