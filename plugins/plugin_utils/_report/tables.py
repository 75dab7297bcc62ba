# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Reports about releases: their history, and the state of the live ones.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._process import names
from ansible_collections.slipway.flask.plugins.module_utils._source.revision import short
from ansible_collections.slipway.flask.plugins.plugin_utils._report.deploy import printable

GAP = "  "
NOTHING = "-"
LABELS = ("App", "Host", "Release", "Revision", "Since (UTC)", "Unit", "Health", "Workers", "Memory", "Restarts", "Certificate",
          "Connections", "Disk used", "Disk free", "Site")  # fmt: skip
HISTORY = ("RELEASE", "REVISION", "WHEN (UTC)", "BY", "OUTCOME", "SECONDS", "HEAD", "NOW")


def grid(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return ROWS as lines whose cells stand in columns."""
    return [GAP.join(row).rstrip() for row in padded(list(rows))]


def padded(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return ROWS with cells as wide as their column."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]


def when(time: str | None) -> str:
    """Return a time such as 2026-10-01T06:42:17Z to the minute."""
    return time[:16].replace("T", " ") if time else NOTHING


def seconds_between(one: str, other: str) -> float:
    """Return how many seconds lie between two times such as 2026-10-01T06:42:17Z; 0 if one of them is not known."""
    try:
        first, second = (datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ") for text in (one, other))  # noqa: DTZ007, both are UTC
    except ValueError:
        return 0
    return abs((first - second).total_seconds())


def revision(found: Mapping[str, Any]) -> str:
    """Return a short revision, with a star when files were changed since it was committed."""
    name = short(str(found.get("revision") or NOTHING))
    return f"{name}*" if found.get("dirty") else name


def history(host: str, found: Mapping[str, Any]) -> str:
    """Return the history of one app on one host."""
    app, serving = f"{found['app']} on {host}", found["serving"]
    if not found["entries"]:
        return f"{app}: no history; " + (f"release {serving} is live" if serving else "nothing has been deployed yet")
    back = [release for release in found["present"] if release != serving]
    head = f"{app}: {f'release {serving} is live' if serving else 'no release is live'}"
    head += f"; rollback.yml can go back to {', '.join(back)}" if back else "; no other release is on the host"
    rows, seen = [], set()
    for entry in found["entries"]:
        rows.append(history_row(entry, "" if entry["id"] in seen else now(entry["id"], found)))
        seen.add(entry["id"])
    lines, shown, total = grid([HISTORY, *rows]), len(rows), found["total"]
    if shown < total:
        lines.append(f"The newest {shown} of {total}; -e limit={total} shows all.")
    return "\n".join([head, *(f"{GAP}{line}" for line in lines)])


def now(release: str, found: Mapping[str, Any]) -> str:
    """Return what has become of a release."""
    if release == found["serving"]:
        return "live"
    if release in found.get("draining", ()):
        return "draining"
    return "kept" if release in found["present"] else ""


def history_row(entry: Mapping[str, Any], now: str) -> list[str]:
    """Return one line of a history as cells; NOW is what has become of the release."""
    outcome = str(entry.get("outcome") or NOTHING) + (f" at {entry['stage']}" if entry.get("stage") else "")
    if outcome == "deployed" and entry.get("promoted"):
        outcome += f" from {str(entry['promoted']).partition(',')[0]}"
    heads = entry.get("heads_after")
    return [
        str(entry["id"]),
        revision(entry),
        when(entry.get("ended") or entry.get("started")),
        str(entry.get("by") or NOTHING),
        outcome,
        f"{entry['seconds']:.1f}",
        NOTHING if heads is None else ", ".join(heads) or "empty",
        now,
    ]


def status(found: Mapping[str, Sequence[Mapping[str, Any]]], width: int) -> str:
    """Return one table of all apps of all hosts (FOUND: by host), a column each, broken where WIDTH is used up."""
    return side_by_side(LABELS, [status_column(host, app) for host, apps in found.items() for app in apps], width)


def side_by_side(labels: Sequence[str], columns: Sequence[Sequence[str]], width: int) -> str:
    """Return COLUMNS beside their LABELS, broken where WIDTH is used up."""
    blocks, rest = [], list(columns)
    while rest:
        count, used = 0, max(map(len, labels))
        while count < len(rest) and (count == 0 or used + len(GAP) + max(map(len, rest[count])) <= width):
            used += len(GAP) + max(map(len, rest[count]))
            count += 1
        blocks.append("\n".join(grid(zip(labels, *rest[:count], strict=True))))
        rest = rest[count:]
    return "\n\n".join(blocks)


def all_below(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return the lines about all apps of all hosts (FOUND: by host) that stand below the tables."""
    return "\n".join(
        f"{app['app']} on {host}: {text}" for host, apps in found.items() for app in apps for text in below(app)
    )


def below(found: Mapping[str, Any]) -> list[str]:
    """Return the lines about one app below the table: its processes besides the web process, and draining releases."""
    others = [(name, one) for name, one in (found.get("processes") or {}).items() if name != names.WEB]
    return [
        *(one.get("said") or f"{name} is {one['state']}{more(one)}" for name, one in others),
        *found.get("services", ()),
        *found.get("draining", ()),
        *found.get("kept", ()),
        *found.get("code", ()),
        *(found.get("audit") or {}).get("lines", ()),
    ]


def more(found: Mapping[str, Any]) -> str:
    """Return the text about a process with instances, after its state."""
    if not (count := len(found.get("instances", ()))):
        return ""
    parts = [f"{count} instance{'s' * (count > 1)}", f"{found['restarts']} restart{'s' * (found['restarts'] != 1)}"]
    return ": " + ", ".join([*parts, *([size(found["memory"])] if found["memory"] is not None else [])])


def status_column(host: str, found: Mapping[str, Any]) -> list[str]:
    """Return how one app is, as cells from top to bottom."""
    health, shown, used = found.get("health") or {}, found["certificate"], found["connections"]
    said = "no answer" if health else NOTHING
    if health.get("status"):
        said = f"{health['status']} in {health['milliseconds']} ms"
    return [
        str(found["app"]),
        host,
        str(found["release"] or ("removed" if found.get("removed") else "none")),
        revision(found),
        when(found["since"]),
        str(found.get("state", NOTHING)),
        said,
        str(found.get("workers", NOTHING)),
        size(found.get("memory")),
        str(found.get("restarts", NOTHING)),
        NOTHING if shown["days"] is None else f"{shown['days']} days, {shown['issuer']}",
        used["said"] or f"{used['used']} of {used['allowed']}",
        size(found["disk_used"]),
        size(found["disk_free"]),
        NOTHING
        if found.get("removed") or not found.get("serves", True)
        else "closed"
        if found.get("closed_since")
        else "open",
    ]


def size(number: float | None) -> str:
    """Return a number of bytes as a person says it."""
    if number is None:
        return NOTHING
    megabytes = number / 2**20
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1024:.1f} GB"


def not_serving(problems: Sequence[str]) -> str:
    """Return the message that names every app that does not serve, and why."""
    return printable("\n".join(["Something is wrong:", *(f"  - {text}" for text in problems)]))
