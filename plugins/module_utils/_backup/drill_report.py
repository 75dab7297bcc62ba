# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a drill has found, in lines for people. PRIVATE to the collection. It can have breaking changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def gigabytes(size: float) -> str:
    """Return SIZE (bytes) for people: `1.2 GB`, `350 MB`, `12 kB`."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a drill has found at one target, for people, by its FACTS."""
    if database := facts.get("database"):
        newest = database["newest"].replace("T", " ").replace("Z", " UTC")
        yield (
            f"backup {database['backup']}: {gigabytes(database['bytes'])} restored in {database['restore_seconds']} s, "
            f"WAL replayed in {database['recovery_seconds']} s, "
            + (f"newest transaction {newest}" if newest else "no transaction since the backup")
        )
        for app, held in database["databases"].items():
            yield f"{app}: {held['tables']} tables, {held['rows']:,} rows, migration {held['head'] or 'none'}"
    for app, held in facts.get("mariadb", {}).items():
        yield (
            f"{app}: {held['tables']} tables, {held['rows']:,} rows, migration {held['head'] or 'none'}, of the restore point "
            f"{held['point']}, loaded into MariaDB in {held['load_seconds']} s; rows of {held['compared']} tables compared"
        )
    for app, held in facts.get("files", {}).items():
        if not held:
            continue  # what is wrong is told instead
        sqlite = f", SQLite databases: {held['sqlite']}" if held["sqlite"] else ""
        yield f"{app}: {held['files']} of {held['of']} files compared ({gigabytes(held['bytes'])}){sqlite}"
