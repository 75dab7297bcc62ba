# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person reads of a plan.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._release.settings import named
from ansible_collections.slipway.flask.plugins.module_utils._source.revision import short
from ansible_collections.slipway.flask.plugins.plugin_utils._report.deploy import table

SQL_LINES = 12
"""Lines of SQL shown of one revision."""


def planned(host: str, app: str, plan: Mapping[str, Any], notes: list[str]) -> str:
    """Return the plan of one app: a table, and below it each pending migration. A refusal is for `refused` to tell."""
    head = f"{app} on {host}: what a deploy would do; nothing was changed"
    if plan["same"]:
        rows = [("Revision", revision(plan)), ("Promoted", from_(plan)), ("Deploy", "nothing: this is already live")]
        return table(head, rows + [("Note", note) for note in notes])
    rows = [
        ("Revision", revision(plan)),
        ("Promoted", from_(plan)),
        ("Environment", environment(plan)),
        ("Migrations", migrations(plan)),
        ("Settings", settings(plan)),
        ("Processes", ", ".join(plan.get("processes") or [])),
        ("Connections", connections(plan.get("connections") or {})),
        ("Disk", disk(plan.get("disk") or {})),
        ("Deploy", "" if plan["refused"] else "would go on"),
    ]
    told = {finding["told"] for finding in plan["findings"]}
    shown = [note for note in notes if not any(note.endswith(text) for text in told)]
    parts = [table(head, rows + [("Note", note) for note in shown])]
    parts += [pending(one, plan) for one in plan["pending"]]
    return "\n\n".join(parts)


def from_(plan: Mapping[str, Any]) -> str:
    """Return where what would be deployed serves now, "" for no promotion."""
    return f"from {plan['promoted']}" if plan.get("promoted") else ""


def refused(host: str, app: str, plan: Mapping[str, Any]) -> str:
    """Return the message of a plan whose deploy would be refused."""
    return f"{app} on {host}: the deploy would be refused at stage '{plan['stage']}'.\n{plan['refused']}"


def revision(plan: Mapping[str, Any]) -> str:
    """Return what would be deployed, and what serves."""
    mine = short(plan["revision"]) + (" (with uncommitted changes)" if plan["dirty"] else "")
    if not plan["serves"]:
        return f"{mine}; no release is live yet"
    return f"{mine}; release {plan['serves']} is live ({short(plan['serves_revision'])})"


def environment(plan: Mapping[str, Any]) -> str:
    if not plan["environment"]:
        return "could not be built"
    return f"{plan['environment']}, {'which is there already' if plan['environment_reused'] else 'to be built'}"


def migrations(plan: Mapping[str, Any]) -> str:
    """Return from where to where the schema would go."""
    if plan["heads"] is None:
        return "none known"
    if plan["current"] is None:
        return "unknown: the database could not be asked"
    names = [", ".join(plan[key]) or "an empty database" for key in ("current", "heads")]
    if not plan["pending"]:
        return f"none pending ({names[0]})" if names[0] == names[1] else f"{names[0]} → {names[1]}"
    return f"{len(plan['pending'])} pending, {names[0]} → {names[1]}"


def settings(plan: Mapping[str, Any]) -> str:
    """Return the names of settings that change."""
    if not plan["serves"]:
        return ""
    parts = [f"{place}: {named(kinds)}" for place, kinds in plan["settings"].items()]
    return "; ".join(parts) or "unchanged, as of the last site.yml"


def connections(found: Mapping[str, Any]) -> str:
    if not found:
        return ""
    parts = ", ".join(f"{name} {count}" for name, count in (found.get("processes") or {}).items())
    hosts = f" on {found['hosts']} hosts" if found.get("hosts", 1) > 1 else ""
    beside = f", and {found['beside']} for others" if found.get("beside") else ""
    text = (
        f"up to {found['release']} per release{f' ({parts})' if parts else ''}, {found['switch']} while two run{hosts}{beside}; "
        f"the server has {found['usable']}, of which {found['used']} are in use"
    )
    return f"{text}: TOO FEW" if found["switch"] + found.get("beside", 0) > found["usable"] else text


def disk(found: Mapping[str, int]) -> str:
    if not found:
        return ""
    size = found["release_mb"] + found["environment_mb"]
    return f"{found['free_mb']} MB free, {found['needed_mb']} MB is needed; the release takes about {max(1, size)} MB"


def pending(one: Mapping[str, Any], plan: Mapping[str, Any]) -> str:
    """Return a pending revision with the start of its SQL and what is dangerous in it, as far as no refusal tells it."""
    mine = [finding for finding in plan["findings"] if one["title"].split(" ")[0] == finding["revision"]]
    effects = sorted({finding["effect"] for finding in mine})
    rows = [row for row in one["sql"].splitlines() if row.strip() and not row.startswith(("--", "BEGIN;", "COMMIT;"))]
    rows = [row for row in rows if "alembic_version" not in row]
    cut = [f"… {len(rows) - SQL_LINES} lines more"] if len(rows) > SQL_LINES else []
    body = [*rows[:SQL_LINES], *cut] or ["(no SQL)"]
    if one["problem"]:
        body.append(f"… its SQL can't be generated beforehand: {one['problem']}")
    left = [finding for finding in mine if finding["told"] not in plan["refused"]]
    told = [f"{finding['told']}{' (allowed)' if finding['allowed'] else ''}" for finding in left]
    nothing = "nothing dangerous found" if plan["judged"] else "not judged"
    title = f"  {one['title']}, {one['file']}: {', '.join(effects) or nothing}"
    return "\n".join([title, textwrap.indent("\n".join(body + told), "    ")])
