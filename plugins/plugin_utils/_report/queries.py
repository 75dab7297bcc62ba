# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person reads of an app's database: its statements, what its tables lack, and who waits for whom.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._report.deploy import printable
from ansible_collections.slipway.flask.plugins.plugin_utils._report.tables import GAP, NOTHING, grid, padded, size, when

LEAST = 40
"""Characters that a statement has at least, however narrow the terminal is."""
HIT_LOW = 0.9
ORDERS = {"total": "Most time in all", "mean": "Most time each", "calls": "Most calls"}
AGE_HIGH = 1.5
"""Times autovacuum_freeze_max_age: a database that old is not being vacuumed against wraparound."""


def report(host: str, found: Mapping[str, Any], width: int) -> str:
    """Return the lines on one app's database on one host, WIDTH characters wide."""
    app = f"{found['app']} on {host}"
    if found.get("said"):
        return f"{app}: {found['said']}"
    facts = found["facts"]
    count = facts["connections"]
    head = f"{app}: database {facts['database']}, PostgreSQL {facts['version'].split()[0]}, {size(facts['size'])}"
    parts = [f"{head}, {count} other connection{'s' * (count != 1)}", cache(facts)]
    parts += [*costs(found["statements"], width), *waits(found, width), *hints(found), *vacuum(found)]
    parts += [f"Can't be seen: {text}" for text in found["unseen"]]
    if found["reset"]:
        parts.append("Statements are counted from now on.")
    return printable("\n".join(parts))


def section(title: str, rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table below its title, nothing for a table of its heads alone."""
    return [title, *(f"{GAP}{line}" for line in grid(rows))] if len(rows) > 1 else []


def cut(text: str, width: int) -> str:
    """Return TEXT, or its beginning with three points where it is longer than WIDTH."""
    return text if len(text) <= width else text[: width - 3] + "..."


def duration(milliseconds: float) -> str:
    """Return a time as a person says it."""
    if milliseconds < 1000:
        return f"{milliseconds:.1f} ms" if milliseconds < 100 else f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def since(moment: str | None) -> str:
    """Return since when something is counted."""
    return f" since {when(moment)} UTC" if moment else ""


def cache(facts: Mapping[str, Any]) -> str:
    """Return how much was read from PostgreSQL's own cache."""
    read = facts["hit"] + facts["read"]
    if not read:
        return "Cache: nothing was read yet"
    ratio = facts["hit"] / read
    low = "" if ratio >= HIT_LOW else "; below 90 % more shared_buffers or an index may help"
    return f"Cache: {ratio:.1%} of the pages that were read came from shared_buffers{since(facts['since'])}{low}"


def costs(found: Mapping[str, Any] | None, width: int) -> list[str]:
    """Return the tables of statements."""
    if found is None:
        return []
    if not found["total"]:
        return [f"Statements: none was counted{since(found['since'])}"]
    lines = []
    for order, title in ORDERS.items():
        rows = [["TOTAL", "SHARE", "MEAN", "CALLS", "ROWS", "STATEMENT"]]
        for row in found[order]:
            share = f"{row['total'] / found['everything']:.0%}" if found["everything"] else NOTHING
            numbers = [duration(row["total"]), share, duration(row["mean"]), str(row["calls"]), str(row["rows"])]
            rows.append([*numbers, row["query"]])
        used = max(len(GAP.join(line)) for line in padded([row[:-1] for row in rows])) + 2 * len(GAP)
        whole = [[*row[:-1], cut(row[-1], max(LEAST, width - used))] for row in rows]
        lines += section(f"{title}{since(found['since']) if order == 'total' else ''}:", whole)
    return lines


def waits(found: Mapping[str, Any], width: int) -> list[str]:
    """Return the longest transactions, and who waits for whom."""
    transactions = [["PID", "ROLE", "FOR", "STATE", "STATEMENT"]] + [
        [str(row["pid"]), str(row["role"]), duration(1000 * row["seconds"]), str(row["state"]),
         cut(row["query"] or NOTHING, width // 2)]
        for row in found["transactions"]
    ]  # fmt: skip
    lines = section("Longest transactions now:", transactions) or ["Transactions: none is open"]
    if not found["locks"]:
        return [*lines, "Locks: nobody waits"]
    lines.append("Locks: who waits for whom:")
    for row in found["locks"]:
        on = f" on {row['name']}" if row["name"] else ""
        lines.append(f"{GAP}{row['pid']} waits{on} for {duration(1000 * (row['seconds'] or 0))} behind {holder(row)}")
        lines.append(f"{GAP * 2}waits: {cut(row['query'] or NOTHING, width - 12)}")
        lines.append(f"{GAP * 2}holds: {cut(row['by_query'] or NOTHING, width - 12)}")
    return lines


def holder(row: Mapping[str, Any]) -> str:
    """Return who holds what another waits for, as far as that can be seen."""
    if not row["by"]:
        return "a prepared transaction (pg_prepared_xacts)"
    known = [row["by_role"], row["by_state"]]
    if row["by_seconds"] is not None:
        known.append(f"its transaction is open for {duration(1000 * row['by_seconds'])}")
    return f"{row['by']}" + (f" ({', '.join(filter(None, known))})" if any(known) else "")


def hints(found: Mapping[str, Any]) -> list[str]:
    """Return what tables and indexes suggest: sequential scans, indexes that nobody uses, space that nobody needs."""
    scans = [["TABLE", "SIZE", "SCANS", "ROWS EACH", "BY INDEX"]] + [
        [row["name"], size(row["size"]), str(row["scans"]), str(row["rows"]), str(row["by_index"])]
        for row in found["scans"]
    ]
    since_then = since(found["facts"]["since"])
    lines = section(f"Large tables that are read from end to end{since_then}; an index may be missing:", scans)
    unused = [["INDEX", "OF", "SIZE"]] + [
        [row["name"], row["of"], size(row["size"])] for row in found["indexes"] if row["valid"]
    ]
    lines += section(f"Indexes that nothing has read{since_then}; on a standby they may be:", unused)
    lines += [
        f"The index {row['name']} of {row['of']} is not valid: CREATE INDEX CONCURRENTLY broke off; drop it and make it again"
        for row in found["indexes"]
        if not row["valid"]
    ]
    bloat = [["TABLE", "SIZE", "NOT NEEDED"]] + [
        [row["name"], size(row["size"]), f"{size(row['wasted'])} ({row['wasted'] / row['size']:.0%})"]
        for row in found["bloat"]
    ]
    return lines + section("Bloat, estimated; new rows go there, VACUUM FULL would give it back:", bloat)


def vacuum(found: Mapping[str, Any]) -> list[str]:
    """Return how far autovacuum is."""
    facts, lines = found["facts"], []
    if not facts["autovacuum"]:
        lines.append(
            "Autovacuum is off: tables grow, and their statistics get old. Set autovacuum and track_counts to on"
        )
    if facts["age"] > AGE_HIGH * facts["freeze_age"]:
        lines.append(
            f"The oldest row that isn't frozen is {facts['age']} transactions old, of 2 billion after which the server refuses "
            "writes: something keeps VACUUM from it, such as a transaction that stays open"
        )
    rows = [["TABLE", "ROWS", "DEAD", "VACUUMED (UTC)", "ANALYSED (UTC)", "AUTOVACUUM"]] + [
        [row["name"], str(row["live"]), str(row["dead"]), when(row["vacuumed"]), when(row["analysed"]), state(row)]
        for row in found["vacuum"]
    ]
    return lines + (section("Dead rows:", rows) or ["Autovacuum: nothing to do"])


def state(row: Mapping[str, Any]) -> str:
    """Return what autovacuum does with a table."""
    if row["running"]:
        return "runs"
    if row["off"]:
        return "off for this table"
    return "due" if row["due"] else "not due"
