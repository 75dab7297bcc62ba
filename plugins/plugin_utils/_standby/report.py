# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person reads of a promotion: what it would do, what it did, and how the inventory must be changed.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._report.deploy import printable, table
from ansible_collections.slipway.flask.plugins.plugin_utils._standby.plan import Plan


def planned(todo: Plan, is_confirmed: bool = False) -> str:
    """Return what would be done, or will be if it IS_CONFIRMED."""
    rows = [
        (
            "Closed",
            f"{todo.old}, for good: its data becomes a standby's"
            if todo.closes
            else f"nothing: {todo.old} can't be reached",
        ),
        ("Lost", todo.loss or "nothing"),
        *[("Note", text) for text in todo.notes],
        *[("In the way", text) for text in todo.problems],
        *[("Do it", f"-e confirm={todo.word}")] * (not todo.problems and not is_confirmed),
    ]
    return printable(table(f"{todo.host} would become the primary PostgreSQL in the place of {todo.old}", rows))


def done(todo: Plan, server: Mapping[str, Any], standbys: Sequence[str], seconds: float = 0) -> str:
    """Return what was done, or has been before, and what is left to do; STANDBYS are those of the old one by the inventory."""
    marks = server.get("marks") or {}
    since = f"since {marks['at']}" if marks.get("promoted_from") else "already"
    rows = []
    if seconds:
        rows.append(("Took", f"{seconds:.1f} s from the first question"))
        rows.append(("Lost", todo.loss or "nothing"))
        rows.append(
            (
                "Closed",
                f"{todo.old}: it takes no writes, whoever starts it"
                if todo.closes
                else f"nothing: keep {todo.old} off",
            )
        )
    if standbys:
        rows.append(("Inventory", f"no slipway_database for {todo.host}; slipway_database: {{standby_of: {todo.host}}} for "
                     f"{', '.join(standbys)}, or remove it from the group db"))  # fmt: skip
        rows.append(("Then", "playbooks/site.yml: the apps connect to it, and its backups begin"))
    return printable(table(f"{todo.host}: PostgreSQL takes writes {since}", rows))
