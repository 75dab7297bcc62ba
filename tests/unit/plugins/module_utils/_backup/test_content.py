# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Whether a restored database is the live one, but for what was written while it was restored."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import content
from ansible_collections.slipway.flask.plugins.module_utils._backup.content import Content, Table
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError


def holding(rows: int | None, inserted: int = 0, deleted: int = 0, head: str = "0007", **more: int) -> Content:
    return Content(head, {"public.ship": Table(rows, more.get("estimate", 0), inserted, deleted, more.get("file", 1))})


@pytest.mark.parametrize(
    ("before", "restored", "after", "said"),
    [
        (holding(100), holding(100), holding(None), []),
        (holding(100), holding(107), holding(None, 7, 3), []),
        (holding(100), holding(97), holding(None, 7, 3), []),
        (holding(100), holding(96), holding(None, 7, 3),
         ["its table ship has 96 rows, the live one 100, and 7 were added and 3 removed in the meantime"]),
        (holding(100), holding(108), holding(None, 7, 3),
         ["its table ship has 108 rows, the live one 100, and 7 were added and 3 removed in the meantime"]),
        (holding(100), holding(0), holding(None), ["its table ship has 0 rows, the live one 100"]),
        (holding(100), holding(0), holding(None, file=2), []),
        (holding(100, 50), holding(0), holding(None, 2), []),
        (holding(None, estimate=10_000), holding(8_900), holding(None), []),
        (holding(None, estimate=10_000), holding(6_000), holding(None),
         ["its table ship has 6000 rows, the live one about 10000"]),
        (holding(100), holding(None), holding(None), ["its table ship can't be read"]),
        (holding(1), Content("0007"), holding(1), ["it is missing 1 of 1 tables: ship"]),
        (holding(1), Content("0007"), Content("0007"), []),
        (Content("0007"), holding(1), Content("0007"), ["it has 1 tables that the live one does not have: ship"]),
        (Content("0007"), holding(1), holding(1), []),
        (holding(1), holding(1, head="0006"), holding(1), ["it is at migration 0006, the live one at 0007"]),
        (holding(1, head="0006"), holding(1, head="0006"), holding(1), []),
        (holding(1), holding(1, head=""), holding(1), ["it is at migration none, the live one at 0007"]),
    ],
    ids=[
        "the same", "all added rows are there", "all removed rows are gone", "one too few", "one too many", "empty",
        "emptied meanwhile", "counters were set back", "a large table, about the same", "a large table, far from it",
        "rows can't be read", "a table is missing", "a table was dropped meanwhile", "a table from nowhere",
        "a table was made meanwhile", "an older migration", "a migration meanwhile", "no migration",
    ],
)  # fmt: skip
def test_a_restored_database_differs_only_by_what_was_written_meanwhile(
    before: Content, restored: Content, after: Content, said: list[str]
) -> None:
    assert list(content.differences(before, restored, after)) == said


def server(tables: list[dict[str, object]], counts: str, asked: list[str]) -> Callable[[str, str], str]:
    def ask(database: str, sql: str) -> str:
        asked.append(sql)
        if "to_regclass" in sql:
            return "t\n"
        return "0007\n" if "version_num" in sql else json.dumps(tables) if "json_agg" in sql else counts

    return ask


ENTRY = {"file": 1, "estimate": 5, "inserted": 9, "deleted": 4}


def test_rows_of_small_tables_are_counted_and_large_ones_of_the_live_database_are_not() -> None:
    tables = [{"name": 'public."a|b"', "bytes": 8192, **ENTRY}, {"name": "public.big", "bytes": 1 << 40, **ENTRY}]
    asked: list[str] = []
    found = content.read(server(tables, 'public."a|b"|5\n', asked), "shop")
    assert found == Content("0007", {'public."a|b"': Table(5, 5, 9, 4, 1), "public.big": Table(None, 5, 9, 4, 1)})
    assert found.rows == 5
    assert "FROM ONLY public.big" not in asked[-1]
    content.read(server(tables, "", asked), "shop", most=None)
    assert "FROM ONLY public.big" in asked[-1]


@pytest.mark.parametrize(
    "name",
    ["public.ship", "public.a_1", '"Ship"."two words"', '"a""b".c', '"two\nlines"."\\! id"', '"größe".t'],
)
def test_a_table_is_counted_whatever_it_is_called(name: str) -> None:
    asked: list[str] = []
    found = content.read(server([{**ENTRY, "name": name, "bytes": 1}], "", asked), "shop")
    assert list(found.tables) == [name]
    assert f"FROM ONLY {name};" in asked[-1]


@pytest.mark.parametrize(
    "name",
    [
        "public.ship;\n\\! touch /tmp/x",
        "ship",
        "public.ship, other",
        '"a"b".c',
        "a.b.c",
        "public.ship\n",
        '"a".',
        "",
        "A.b",
    ],
)
def test_what_is_not_quoted_as_a_name_never_comes_to_psql(name: str) -> None:
    """psql runs programs for whoever writes what it reads, and an app could answer for the functions of its database."""
    asked: list[str] = []
    with pytest.raises(BackupError, match="a table whose name can't be quoted"):
        content.read(server([{**ENTRY, "name": name, "bytes": 1}], "", asked), "shop")
    assert asked[-1] == content.TABLES
    assert asked[-1].lstrip().startswith("SET search_path = pg_catalog;")
