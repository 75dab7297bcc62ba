# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is dangerous in the SQL of pending migrations: squawk's findings, sorted by what they do to those who visit.

The live release goes on serving while the migrations run, so a statement is dangerous when it loses data, when it
takes away what that release still uses, or when it keeps a lock on a table for as long as the table is long.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ansible_collections.slipway.flask.plugins.module_utils._migration.probe import Pending

DESTROYS, BREAKS, LOCKS, UNKNOWN = "destroys", "breaks", "locks", "can't be checked"
STATEMENT_LENGTH = 120

# Rule (squawk's, https://squawkhq.com/docs/rules; the last ones are ours) -> what it does, and why.
RULES: dict[str, tuple[str, str]] = {
    "ban-drop-column": (DESTROYS, "the column's data is lost, and the live release still reads it"),
    "ban-drop-table": (DESTROYS, "the table's data is lost, and the live release still reads it"),
    "ban-drop-schema": (DESTROYS, "everything in the schema is lost"),
    "ban-drop-database": (DESTROYS, "the database is lost"),
    "ban-truncate-cascade": (DESTROYS, "the rows are lost, also those of tables that refer to it"),
    "renaming-column": (BREAKS, "the live release still uses the old name: add the new column, move, drop later"),
    "renaming-table": (BREAKS, "the live release still uses the old name"),
    "ban-drop-view": (BREAKS, "the live release may still read it"),
    "ban-drop-type": (BREAKS, "the live release may still use it"),
    "ban-drop-extension": (BREAKS, "what the live release uses of it is gone"),
    "adding-required-field": (BREAKS, "fails on a table with rows, and the live release doesn't fill the column: "
                                      "give it a server_default, or allow NULL"),
    "changing-column-type": (LOCKS, "the table is rewritten, and reads and writes are blocked meanwhile"),
    "adding-field-with-default": (LOCKS, "the default is volatile: the table is rewritten, and reads are blocked meanwhile"),
    "adding-not-nullable-field": (LOCKS, "the whole table is scanned under a lock that blocks reads and writes: add "
        "a CHECK (… IS NOT "
                                         "NULL) NOT VALID, validate it in a later revision, then set NOT NULL"),
    "require-concurrent-index-creation": (LOCKS, "writes to the table are blocked until the index is built: use "
                                                 "postgresql_concurrently=True in op.get_context().autocommit_block()"),
    "require-concurrent-reindex": (LOCKS, "writes to the table are blocked until the index is built"),
    "constraint-missing-not-valid": (LOCKS, "the whole table is checked under a lock: add it with postgresql_not_valid=True "
                                            "and validate it in a later revision"),
    "adding-foreign-key-constraint": (LOCKS, "both tables can't be written while all rows are checked: add it with "
                                             "postgresql_not_valid=True and validate it in a later revision"),
    "disallowed-unique-constraint": (LOCKS, "reads and writes are blocked until its index is built: build a unique "
                                            "index concurrently first"),
    "adding-serial-primary-key-field": (LOCKS, "reads and writes are blocked until its index is built"),
    "truncate": (DESTROYS, "the rows are lost"),
    "delete-all": (DESTROYS, "a DELETE without WHERE: all rows are lost"),
    "unreadable": (UNKNOWN, "its SQL can't be generated beforehand, and its source doesn't show what this does: it "
        "may destroy data"),
}  # fmt: skip

# squawk 2.70 has no rule for these.
OWN = {
    "truncate": re.compile(r"TRUNCATE\b(?!.*\bCASCADE\b)", re.IGNORECASE | re.DOTALL),
    "delete-all": re.compile(r"DELETE\s+FROM\b(?!.*\bWHERE\b)", re.IGNORECASE | re.DOTALL),
}
# What the source of a revision can do whose SQL can't be written beforehand, as `_migration_reading` names it.
OPERATIONS = {
    "drop_column()": "ban-drop-column",
    "drop_table()": "ban-drop-table",
    "drop_all()": "ban-drop-table",
    "drop_type()": "ban-drop-type",
    "delete()": "delete-all",
    "rename_table()": "renaming-table",
    "alter_column(new_column_name)()": "renaming-column",
    "alter_column(type_)()": "changing-column-type",
}
TEXTS = {
    rule: re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for rule, pattern in {
        "ban-drop-table": r"\bDROP\s+(FOREIGN\s+)?TABLE\b",
        "ban-drop-column": r"\bALTER\s+TABLE\b[^;]*\bDROP\s+(?!CONSTRAINT|DEFAULT|NOT|EXPRESSION|IDENTITY)|\bDROP\s+COLUMN\b",
        "ban-drop-schema": r"\bDROP\s+(SCHEMA|OWNED)\b",
        "ban-drop-database": r"\bDROP\s+DATABASE\b",
        "ban-drop-view": r"\bDROP\s+(MATERIALIZED\s+)?VIEW\b",
        "ban-drop-type": r"\bDROP\s+(TYPE|DOMAIN)\b",
        "ban-drop-extension": r"\bDROP\s+EXTENSION\b",
        "renaming-column": r"\bRENAME\s+COLUMN\b",
        "renaming-table": r"\bALTER\s+TABLE\b[^;]*\bRENAME\s+TO\b",
        "truncate": r"(^|;)\s*TRUNCATE\b|\bTRUNCATE\s+TABLE\b",
        "delete-all": r"\bDELETE\s+FROM\b(?![^;]*\bWHERE\b)",
    }.items()
}
"""What a text may be, found anywhere in it: a source may put SQL together from pieces."""
# The same statement under a second name: the first one says it.
SAME = {
    "adding-foreign-key-constraint": "constraint-missing-not-valid",
    "disallowed-unique-constraint": "constraint-missing-not-valid",
    "adding-serial-primary-key-field": "constraint-missing-not-valid",
}
NAME = r'((?:"[^"]+"|[\w$]+)(?:\.(?:"[^"]+"|[\w$]+))?)'
CREATED = re.compile(
    rf"^\s*CREATE\s+(?:UNLOGGED\s+|TEMP(?:ORARY)?\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?{NAME}",
    re.IGNORECASE | re.MULTILINE,
)
TOUCHED = re.compile(
    r"(?:(?:ALTER|DROP|TRUNCATE)\s+(?:TABLE\s+)?|DELETE\s+FROM\s+|CREATE\s+(?:UNIQUE\s+)?INDEX\b[^(]*?\bON\s+)"
    rf"(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?{NAME}", re.IGNORECASE,
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One dangerous statement of a pending revision. LINE counts from 1 in the revision's SQL; 0: WHERE it is in its source."""

    revision: str
    rule: str
    line: int
    statement: str
    where: str = ""

    @property
    def effect(self) -> str:
        return RULES[self.rule][0]

    @property
    def destroys(self) -> bool:
        """Whether data may be lost: what nobody can judge counts as well."""
        return self.effect in (DESTROYS, UNKNOWN)

    def allowed(self, names: Iterable[str]) -> bool:
        """Tell whether NAMES (`revision` or `revision:rule`) has it."""
        return bool({self.revision, f"{self.revision}:{self.rule}"} & set(names))

    def __str__(self) -> str:
        place = f"line {self.line} of its SQL" if self.line else self.where or "its source"
        return f"revision {self.revision}, {place}: {self.statement}\n  {self.rule}: it {self.effect}: {RULES[self.rule][1]}"


def script(pending: Sequence[Pending]) -> tuple[str, list[int]]:
    """Return the SQL of all revisions in one text, and the line (from 0) at which that of each begins."""
    texts, starts, line = [], [], 0
    for one in pending:
        text = one.sql.rstrip() + ("\nCOMMIT;\n" if one.problem and one.sql.strip() else "\n")
        starts.append(line)
        texts.append(text)
        line += text.count("\n")
    return "".join(texts), starts


def findings(pending: Sequence[Pending], report: str) -> list[Finding]:
    """Return what is dangerous in the PENDING revisions, of which squawk has written the JSON REPORT.

    Raises ValueError for a report that is none.
    """
    sql, starts = script(pending)
    lines = sql.splitlines()
    created = {bare(found[1]): sql.count("\n", 0, found.start(1)) for found in reversed([*CREATED.finditer(sql)])}
    found: list[tuple[int, str, str]] = []
    for entry in json.loads(report):
        if entry["rule_name"] in RULES:
            statement = "\n".join(lines[entry["line"] : max(entry["line_end"], entry["line"]) + 1])
            found.append((entry["line"], entry["rule_name"], statement))
    for number, statement in statements(lines):
        found += [(number, rule, statement) for rule, pattern in OWN.items() if pattern.match(statement)]
    rules = {(line, rule) for line, rule, _ in found}
    kept = []
    for line, rule, statement in sorted(found):
        doubled = any(second == rule and (line, first) in rules for first, second in SAME.items())
        target = TOUCHED.match(statement.strip())
        if doubled or (target and created.get(bare(target[1]), line) < line):
            continue
        index = max(place for place, start in enumerate(starts) if start <= line)
        kept.append(Finding(pending[index].revision, rule, line - starts[index] + 1, shortened(statement)))
    return kept + [
        one for step in pending if step.problem for one in in_source(step)
        if not any((k.revision, k.rule) == (one.revision, one.rule) for k in kept)
    ]  # fmt: skip


def in_source(step: Pending) -> list[Finding]:
    """Return what is dangerous in the source of a revision, one of each kind, and what can't be told from it."""
    found: dict[str, Finding] = {}
    for what, where in step.reached:
        for rule in [OPERATIONS[what]] if what in OPERATIONS else rules_of(what):
            shown = what.removesuffix("()") + ("" if what.endswith(")()") else "(…)") if what in OPERATIONS else what
            found.setdefault(rule, Finding(step.revision, rule, 0, shortened(shown), where))
    unread = [Finding(step.revision, "unreadable", 0, what, where) for what, where in step.unread]
    return [*found.values(), *unread]


def rules_of(text: str) -> list[str]:
    """Return the rules that a text breaks if it is SQL."""
    return [rule for rule, pattern in TEXTS.items() if pattern.search(text)]


def statements(lines: Sequence[str]) -> list[tuple[int, str]]:
    """Return the statements, each with its line (from 0): Alembic ends each one with a semicolon and an empty line."""
    found, start, parts = [], 0, list[str]()
    for number, line in enumerate(lines):
        if not parts and (not line.strip() or line.startswith("--")):
            continue
        if not parts:
            start = number
        parts.append(line)
        if line.rstrip().endswith(";"):
            found.append((start, "\n".join(parts).strip()))
            parts = []
    return found


def bare(name: str) -> str:
    """Return a table's name as PostgreSQL compares it, without `public.`."""
    parts = [part[1:-1] if part.startswith('"') else part.lower() for part in re.findall(r'"[^"]+"|[\w$]+', name)]
    return ".".join(parts[1:] if parts[0] == "public" and len(parts) > 1 else parts)


def shortened(statement: str) -> str:
    """Return a statement on one line that is not too long."""
    text = " ".join(statement.split())
    return text if len(text) <= STATEMENT_LENGTH else f"{text[: STATEMENT_LENGTH - 1]}…"
