# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person has to know of a migration that failed.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from ansible_collections.slipway.flask.plugins.module_utils._migration import probe
from ansible_collections.slipway.flask.plugins.module_utils._migration.run import Ran

STEP = re.compile(r"Running (?:up|down)grade \S* ?-> ?(\w+)|Running downgrade (\w+) ->")
ERROR = re.compile(r"^(?:(?:[A-Za-z_]\w*\.)+[A-Z]\w*|[A-Z]\w*(?:Error|Exception|Exit)): .+", re.MULTILINE)
POOLER = re.compile(r"unsupported startup parameter", re.IGNORECASE)
LOCKED = re.compile(r"lock timeout|Lock wait timeout exceeded")
SLOW = re.compile(r"statement timeout|max_statement_time exceeded")
STATEMENT = re.compile(r"^\[SQL: (.*?)\]$", re.MULTILINE | re.DOTALL)
LONGEST = 500
"""Characters of a statement that are shown."""


def revision_of(output: str, pending: Sequence[probe.Pending], after: Sequence[str] | None) -> str:
    """Return the title of the revision that failed, "" when it can't be told: the last one that was begun."""
    begun = [first or second for first, second in STEP.findall(output)]
    titles = {one.revision: one.title for one in pending}
    for revision in reversed(begun):
        if revision in titles and revision not in (after or ()):
            return titles[revision]
    return pending[0].title if len(pending) == 1 else ""


def error_of(output: str) -> str:
    """Return the line of OUTPUT that names the error, "" for none."""
    found = [match[0] for match in ERROR.finditer(output)]
    return found[-1] if found else ""


def statement_of(output: str) -> str:
    """Return the SQL statement that SQLAlchemy names as the one that failed, in one line; "" for none."""
    found = STATEMENT.findall(output)
    return " ".join(found[-1].split())[:LONGEST] if found else ""


def holders(ran: Ran) -> str:
    """Return who held a migration up, one line each."""
    rows = []
    for pid, role, application, state, address, seconds in ran.holders:
        told = [f"role {role}" if role else "", f'application "{application}"' if application else ""]
        told += [f"from {address}" if address else "", state if seconds < 0 else f"{state} for {seconds} s"]
        rows.append(f"  process {pid} of the database server ({', '.join(text for text in told if text)})")
    return "\n".join(rows)


def state(heads: Sequence[str] | None) -> str:
    """Return migration heads in words."""
    return "an unknown revision" if heads is None else ", ".join(heads) or "no revision"


class Timeouts(Protocol):
    """The timeouts of a migration, in seconds; 0 is none."""

    @property
    def lock_timeout_seconds(self) -> int: ...

    @property
    def statement_timeout_seconds(self) -> int: ...


def failure(
    command: str, ran: Ran, output: str, pending: Sequence[probe.Pending], timeouts: Timeouts, not_undone: str = ""
) -> str:
    """Return what a person has to know of a migration that failed; the last lines of its output are not in it.

    not_undone: what the database is called, when it does not undo what a migration has done before it fails.
    """
    if ran.failed == "moved":
        return (
            f"the database is at {state(ran.before)} now: another migration has changed it since this one "
            "was checked. Deploy again"
        )
    if ran.failed == "dump":
        return (
            "the dump before a destructive migration failed, so nothing was migrated. Fix what it says, or "
            "skip the dump (migrations_dump: false)"
        )
    revision = revision_of(output, pending, ran.after)
    rows = [f"{command} failed with status {ran.status}{f' at revision {revision}' if revision else ''}"]
    if said := error_of(output):
        rows.append(said)
    if ran.holders:
        rows.append("It waited for a lock that another session holds:")
        rows.append(holders(ran))
    if LOCKED.search(output):
        rows.append(
            f"It gave up after {timeouts.lock_timeout_seconds} s (migrations_lock_timeout_seconds), so that nobody "
            "queues behind it; deploy again when the lock is free"
        )
    if SLOW.search(output):
        rows.append(
            f"A statement took longer than {timeouts.statement_timeout_seconds} s (migrations_statement_timeout_seconds)"
        )
    if POOLER.search(output):
        rows.append(
            "The URL leads to a pooler, which does not accept session settings: give a direct one as database_owner_url, or set "
            "migrations_lock_timeout_seconds: 0 and migrations_statement_timeout_seconds: 0"
        )
    if ran.ran and not_undone:
        rows.append(half_way(ran, output, not_undone))
    elif ran.after is not None:
        moved = (
            "as before"
            if ran.before == ran.after
            else f"it was at {state(ran.before)}: a part of it was applied and stays"
        )
        rows.append(f"The database is at {state(ran.after)}, {moved}")
    elif ran.ran:
        rows.append(f"The database's present revision is unknown; it was at {state(ran.before)}")
    return "\n".join(rows)


def half_way(ran: Ran, output: str, database: str) -> str:
    """Return where a migration stands that failed, in a DATABASE that commits each statement of it by itself."""
    where = (
        f"alembic_version is at {state(ran.after)}"
        if ran.after is not None
        else f"the present alembic_version is unknown; it was at {state(ran.before)}"
    )
    failed = statement_of(output)
    return (
        f"{database} does not undo a migration that fails half-way: {where}, and what the next revision did before "
        "it failed stays"
        + (f". It failed at the statement:\n  {failed}\n" if failed else ". ")
        + "Manually bring the schema to where alembic_version is, or finish the revision manually and run `flask db "
        "stamp`; then deploy again"
    )
