# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What counts as dangerous in pending migrations, given what squawk reports of their SQL."""

from __future__ import annotations

import json

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._migration import lint
from ansible_collections.slipway.flask.plugins.module_utils._migration.lint import Finding, bare, findings
from ansible_collections.slipway.flask.plugins.module_utils._migration.probe import Pending


def reported(*entries: tuple[int, str], lines: int = 1) -> str:
    """Return a report of squawk: line (from 0) and rule of each entry."""
    rows = [{"line": line, "line_end": line + lines - 1, "rule_name": rule} for line, rule in entries]
    return json.dumps(rows)


def found(
    *statements: str, report: str = "[]", problem: str = "", reached: tuple[str, ...] = ()
) -> list[tuple[str, str]]:
    one = Pending(
        "0005", sql="\n".join(statements) + "\n", problem=problem, reached=tuple((one, "a.py:1") for one in reached)
    )
    return [(finding.rule, finding.effect) for finding in findings([one], report)]


@pytest.mark.parametrize(
    ("statement", "rule", "effect"),
    [
        ("ALTER TABLE a DROP COLUMN b;", "ban-drop-column", "destroys"),
        ("DROP TABLE a;", "ban-drop-table", "destroys"),
        ("ALTER TABLE a RENAME COLUMN b TO c;", "renaming-column", "breaks"),
        ("ALTER TABLE a ADD COLUMN b INTEGER NOT NULL;", "adding-required-field", "breaks"),
        ("CREATE INDEX i ON a (b);", "require-concurrent-index-creation", "locks"),
        ("ALTER TABLE a ALTER COLUMN b TYPE TEXT;", "changing-column-type", "locks"),
    ],
)
def test_what_squawk_finds_is_sorted_by_what_it_does(statement: str, rule: str, effect: str) -> None:
    assert found(statement, report=reported((0, rule))) == [(rule, effect)]


@pytest.mark.parametrize("rule", ["prefer-bigint-over-int", "require-lock-timeout", "prefer-robust-stmts"])
def test_matters_of_style_are_left_out(rule: str) -> None:
    assert found("ALTER TABLE a ADD COLUMN b INTEGER;", report=reported((0, rule))) == []


@pytest.mark.parametrize(
    ("statement", "rules"),
    [
        ("TRUNCATE a;", ["truncate"]),
        ("truncate table a;", ["truncate"]),
        ("DELETE FROM a;", ["delete-all"]),
        ("DELETE FROM a\nUSING b;", ["delete-all"]),
        ("DELETE FROM a WHERE b = 1;", []),
        ("DELETE FROM a\nWHERE b = 1;", []),
        ("UPDATE a SET b = 'TRUNCATE c';", []),
        ("-- TRUNCATE a;", []),
    ],
)
def test_rows_that_are_lost_without_a_rule_of_squawk(statement: str, rules: list[str]) -> None:
    assert [rule for rule, _ in found(statement)] == rules


@pytest.mark.parametrize(
    ("statements", "line", "rule", "counts"),
    [
        (["CREATE TABLE a (b INTEGER);", "ALTER TABLE a DROP COLUMN b;"], 1, "ban-drop-column", False),
        (['CREATE TABLE "A" (b INTEGER);', "ALTER TABLE a DROP COLUMN b;"], 1, "ban-drop-column", True),
        (['CREATE TABLE public.a (b INTEGER);', "CREATE UNIQUE INDEX i ON a (b);"], 1,
         "require-concurrent-index-creation", False),
        (["CREATE TABLE a (b INTEGER);", "CREATE INDEX i ON c (b);"], 1, "require-concurrent-index-creation", True),
        (["DROP TABLE a;", "CREATE TABLE a (b INTEGER);"], 0, "ban-drop-table", True),
    ],
)  # fmt: skip
def test_a_table_made_by_the_same_migrations_does_not_count(
    statements: list[str], line: int, rule: str, counts: bool
) -> None:
    assert bool(found(*statements, report=reported((line, rule)))) is counts


def test_one_statement_with_two_names_is_told_once() -> None:
    report = reported((0, "constraint-missing-not-valid"), (0, "adding-foreign-key-constraint"))
    statement = "ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (b) REFERENCES c (d);"
    assert [rule for rule, _ in found(statement, report=report)] == ["adding-foreign-key-constraint"]


def test_a_revision_whose_sql_can_not_be_written_is_judged_by_its_operations() -> None:
    assert found("", problem="NoInspectionAvailable", reached=("add_column()", "drop_table()")) == [
        ("ban-drop-table", "destroys")
    ]
    assert found("", reached=("drop_table()",)) == [], "its SQL is whole"


def test_a_finding_names_its_revision_and_its_line_there() -> None:
    pending = [
        Pending("0005", sql="BEGIN;\n\nALTER TABLE a ADD COLUMN c INTEGER;\n\nCOMMIT;\n\n"),
        Pending("0006", sql="BEGIN;\n\nALTER TABLE a\n  DROP COLUMN b;\n", problem="it asks the database"),
        Pending("0007", sql="BEGIN;\n\nDROP TABLE d;\n\nCOMMIT;\n"),
    ]
    sql, _ = lint.script(pending)
    lines = sql.splitlines()
    places = [lines.index("  DROP COLUMN b;") - 1, lines.index("DROP TABLE d;")]
    report = json.dumps(
        [
            {"line": places[0], "line_end": places[0] + 1, "rule_name": "ban-drop-column"},
            {"line": places[1], "line_end": places[1], "rule_name": "ban-drop-table"},
        ]
    )
    assert findings(pending, report) == [
        Finding("0006", "ban-drop-column", 3, "ALTER TABLE a DROP COLUMN b;"),
        Finding("0007", "ban-drop-table", 3, "DROP TABLE d;"),
    ]


def test_a_report_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        findings([Pending("0005")], "error: unknown option")


@pytest.mark.parametrize(
    ("names", "allowed"),
    [
        (["0005"], True),
        (["0005:ban-drop-column"], True),
        (["0005:ban-drop-table"], False),
        (["0006"], False),
        ([], False),
    ],
)
def test_a_revision_is_allowed_as_a_whole_or_for_one_rule(names: list[str], allowed: bool) -> None:
    assert Finding("0005", "ban-drop-column", 1, "…").allowed(names) is allowed


@pytest.mark.parametrize(
    ("name", "compared"), [("A", "a"), ('"A"', "A"), ("public.a", "a"), ('other."B"', "other.B"), ("x.y", "x.y")]
)
def test_names_are_compared_as_postgresql_does(name: str, compared: str) -> None:
    assert bare(name) == compared


def test_a_long_statement_is_cut() -> None:
    told = lint.shortened("ALTER TABLE a\n  ADD COLUMN " + "b" * 200)
    assert len(told) == lint.STATEMENT_LENGTH
    assert told.startswith("ALTER TABLE a ADD COLUMN b")
    assert told.endswith("…")
