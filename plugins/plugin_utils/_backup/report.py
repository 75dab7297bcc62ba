# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person reads of backups: what can be restored, and how a run ended.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import drill_report
from ansible_collections.slipway.flask.plugins.module_utils._backup.brief import NOTHING
from ansible_collections.slipway.flask.plugins.plugin_utils._report import tables
from ansible_collections.slipway.flask.plugins.plugin_utils._report.deploy import printable
from ansible_collections.slipway.flask.plugins.plugin_utils._report.tables import GAP, grid, size

HEAD = ("RESTORE POINT", "APP", "RELEASE", "HEAD", "DATABASE", "FOLDERS", "SECONDS", "WHY", "WHERE")


def run(host: str, outcome: Mapping[str, Any]) -> str:
    """Return how a run on HOST ended."""
    facts = outcome["facts"]
    made = ", ".join(f"{label} at {target}" for target, label in facts.get("backups", {}).items())
    lines = [f"{host}: restore point {facts.get('point') or 'not made'} in {outcome['seconds']:.1f} s"]
    lines += [f"{GAP}Backup of the database server: {made}"] if made else []
    lines += [f"{GAP}Added to {target}: {size(added)}" for target, added in facts.get("saved", {}).items()]
    lines += [f"{GAP}Note: {text}" for text in outcome["notes"]]
    return printable("\n".join(lines))


def overview(host: str, found: Mapping[str, Any], limit: int) -> str:
    """Return what can be restored of HOST: FOUND is the answer of its half, of which LIMIT points are shown."""
    if not found:
        return f"{host}: {NOTHING}"
    lines = [f"{host}: what can be restored", *(f"{GAP}{n}. {name}" for n, name in enumerate(found["targets"], 1))]
    lines += [
        f"{GAP}Any moment from {when(one['from'])} to {when(one['to'])}, from {one['target']}"
        for one in found["ranges"]
    ]
    shown = found["points"][-limit:]
    if shown:
        rows = [HEAD, *(row(point) for point in reversed(shown))]
        lines += ["", *(f"{GAP}{line}" for line in grid(rows))]
        if len(shown) < len(found["points"]):
            lines.append(
                f"{GAP}The newest {len(shown)} of {len(found['points'])}; -e limit={len(found['points'])} shows all."
            )
    else:
        lines += ["", f"{GAP}No restore point yet."]
    backups = [
        (str(one["label"]), str(one["kind"]), when(one["time"]), f"{one['seconds']:.0f}", size(one["size"]), size(one["stored"]),
         str(one["target"]))
        for one in found["backups"]
    ]  # fmt: skip
    if backups:
        head = ("BACKUP OF THE SERVER", "KIND", "ENDED", "SECONDS", "DATABASES", "STORED", "WHERE")
        lines += ["", *(f"{GAP}{line}" for line in grid([head, *reversed(backups)]))]
    lines += ["", *(f"{GAP}{text}" for text in ended(found))]
    lines += [f"{GAP}Fails: {text}" for text in found["problems"]]
    return printable("\n".join(lines))


def row(point: Mapping[str, Any]) -> tuple[str, ...]:
    """Return one restore point as cells."""
    took = point.get("seconds")
    return (
        str(point["name"]), str(point["app"]), str(point["release"] or "-"), str(point["head"] or "-"),
        database(point), size(point["folder_bytes"]),
        "-" if took is None else f"{took:.1f}", str(point["reason"] or "-"), ", ".join(map(str, point["where"])),
    )  # fmt: skip


def database(point: Mapping[str, Any]) -> str:
    """Return the size of a point's database, and whether it can be had."""
    if not point.get("is_whole", True):
        return "no backup"
    return size(point["database_bytes"]) if point["database_bytes"] else "-"


def ended(found: Mapping[str, Any]) -> list[str]:
    """Return how the last run and the last drill ended."""
    lines = []
    for what, name in (("run", "Last run"), ("drill", "Last drill")):
        last = found.get(what)
        if not last:
            lines.append(f"{name}: none yet")
            continue
        how = "failed" if last["problems"] else "passed" if what == "drill" else "complete"
        lines.append(f"{name}: {tables.when(last['ended'])} UTC, {how}, {last['seconds']:.1f} s")
        for target, facts in last["facts"].get("targets", {}).items() if what == "drill" else ():
            lines += [f"{GAP}{target}: {line}" for line in drill_report.lines(facts)]
    return lines


def when(time: float) -> str:
    """Return a time (seconds of Unix) for people."""
    return datetime.fromtimestamp(time, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
