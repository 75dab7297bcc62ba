# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person reads of an app's database in MySQL or MariaDB.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._report import queries
from ansible_collections.slipway.flask.plugins.plugin_utils._report.deploy import printable
from ansible_collections.slipway.flask.plugins.plugin_utils._report.tables import NOTHING, size

OFF = (
    "Statements: not counted, since performance_schema is off, as in MariaDB by default. `mariadb_server_settings: "
    "{performance_schema: true}` and site.yml turn it on, for about 110 MB of memory"
)
FREE_SHOWN = 64 << 20
"""What a table has to spare before it is worth a word."""


def report(host: str, found: Mapping[str, Any], width: int) -> str:
    """Return the lines on one app's database on one host, WIDTH characters wide."""
    facts = found["facts"]
    version = str(facts["version"]).partition("-")[0]
    title = "MariaDB" if "mariadb" in str(facts["version"]).lower() else "MySQL"
    head = f"{found['app']} on {host}: database {facts['database']}, {title} {version}, {size(int(facts['size']))}"
    used, most = facts.get("Threads_connected", "?"), facts.get("most", "?")
    parts = [
        f"{head}, {used} of {most} connections (at most {facts.get('Max_used_connections', '?')} since the server's start)",
        cache(facts),
        *statements(found["statements"], width),
        *waits(found, width),
        *tables(found),
    ]
    parts += [f"Can't be seen: {text}" for text in found["unseen"]]
    if found.get("not_reset"):
        parts.append("Statements were not counted anew: the server counts those of all databases together")
    return printable("\n".join(parts))


def cache(facts: Mapping[str, Any]) -> str:
    """Return how much was read from the buffer pool."""
    asked, read = (int(facts.get(f"Innodb_buffer_pool_{name}", 0)) for name in ("read_requests", "reads"))
    pool = size(int(facts.get("pool", 0)))
    if not asked or read > asked:
        return f"Cache: nothing was read yet; the buffer pool is {pool}"
    ratio = 1 - read / asked
    low = (
        ""
        if ratio >= queries.HIT_LOW
        else "; below 90 % a larger pool (mariadb_server_buffer_pool_percent) or an index may help"
    )
    return f"Cache: {ratio:.1%} of the pages that were read came from the buffer pool of {pool}{low}"


def statements(found: Mapping[str, Any] | None, width: int) -> list[str]:
    """Return the tables of statements."""
    if found is None:
        return [OFF]
    if not found["total"]:
        return ["Statements: none was counted"]
    lines = []
    for order, title in queries.ORDERS.items():
        rows = [["TOTAL", "MEAN", "CALLS", "ROWS READ", "NO INDEX", "STATEMENT"]]
        for row in found[order]:
            numbers = [queries.duration(row["total"]), queries.duration(row["mean"])]
            numbers += [str(row[name]) for name in ("calls", "examined", "no_index")]
            rows.append([*numbers, queries.cut(row["query"], max(queries.LEAST, width - 60))])
        lines += queries.section(f"{title}:", rows)
    return lines


def waits(found: Mapping[str, Any], width: int) -> list[str]:
    """Return the longest transactions, and who waits for a lock."""
    rows = [["ID", "ACCOUNT", "FOR", "STATE", "ROWS LOCKED", "STATEMENT"]] + [
        [row["pid"], row["role"], queries.duration(1000 * row["seconds"]), row["state"], row["rows"],
         queries.cut(row["query"] or NOTHING, width // 2)]
        for row in found["transactions"]
    ]  # fmt: skip
    lines = queries.section("Longest transactions now:", rows) or ["Transactions: none is open"]
    waiting = [["ID", "ACCOUNT", "FOR", "STATE", "STATEMENT"]] + [
        [row["pid"], row["role"], queries.duration(1000 * row["seconds"]), row["state"],
         queries.cut(row["query"] or NOTHING, width // 2)]
        for row in found["locks"]
    ]  # fmt: skip
    return lines + (queries.section("Locks: who waits:", waiting) or ["Locks: nobody waits"])


def tables(found: Mapping[str, Any]) -> list[str]:
    """Return the largest tables, and those of another engine than InnoDB."""
    rows = [["TABLE", "ROWS (ABOUT)", "DATA", "INDEXES", "NOT NEEDED"]] + [
        [row["name"], str(row["rows"]), size(row["size"]), size(row["indexes"]),
         size(row["free"]) if row["free"] > FREE_SHOWN else NOTHING]
        for row in found["tables"]
    ]  # fmt: skip
    lines = queries.section("Largest tables; OPTIMIZE TABLE gives back what is not needed:", rows)
    lines += [
        f"The table {row['name']} is {row['engine']}'s: it has no transactions, and a backup of it is of no one moment "
        f"(ALTER TABLE {row['name']} ENGINE=InnoDB)"
        for row in found["tables"] if row["engine"] not in ("InnoDB", "")
    ]  # fmt: skip
    return [*lines, "Indexes that nothing reads, and dead rows: MariaDB does not count them (InnoDB purges by itself)"]
