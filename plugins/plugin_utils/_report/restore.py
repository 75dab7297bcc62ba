# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person reads of a restore: what will be lost, before it is asked, and what was done.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._report.deploy import (
    printable,
    revision_of,
    stages_of,
    table,
)
from ansible_collections.slipway.flask.plugins.plugin_utils._report.tables import size

STEPS = ("check", "database", "folders", "close", "swap", "start", "open")
SHOWN_ROWS = 8
"""Tables that are named."""


def duration(seconds: float) -> str:
    """Return SECONDS as a person says them, in two units at most."""
    left, parts = int(seconds), []
    for name, length in (("day", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count} day{'s' * (count > 1)}" if name == "day" else f"{count} {name}")
    return " ".join(parts[:2]) or "0 s"


def question(host: str, found: Mapping[str, Any]) -> str:
    """Return what is FOUND of a restore that has not begun."""
    app, age, newer = found["app"], duration(found["age_seconds"]), found["newer"]
    latest = found["resolved"] == "latest"
    rows = [
        ("Database", _database(found)),
        ("Folders", _folders(found)),
        ("Lost", _lost(found, age, newer)),
        ("Closed", _closed(found)),
        ("Release", _release(found)),
        ("Kept", f"what is there now, as {app}_before_<time>, until -e forget=<time>: its database and folders"),
    ]
    head = f"{app} on {host}: " + (
        "restore the latest that is archived" if latest else f"restore to {found['to']} ({age} ago)"
    )
    return printable(table(head, rows))


def _database(found: Mapping[str, Any]) -> str:
    if found["elsewhere"]:
        return "not on this host: it is not touched; bring it back where it is, or import its dump (import.yml)"
    if not found["database"]:
        return ""
    now = f"{size(found['database_bytes'])} now" if found["had_database"] else "gone now"
    points = (
        f": as of the restore point {found['point']}, MariaDB has no moments between two"
        if found.get("points_only")
        else ""
    )
    return f"{found['database']} ({now}){points}"


def _folders(found: Mapping[str, Any]) -> str:
    if not found["all_folders"]:
        return ""
    if not found["point"]:
        return f"no restore point is that old: they stay as they are ({', '.join(found['all_folders'])})"
    more = ", with files that have come since and up to then" if found["carries"] else ""
    sqlite = "" if found["database"] or found["elsewhere"] else "; an SQLite database in them is as of that point"
    return f"{', '.join(found['folders'])}: as of the restore point {found['point']}{more}{sqlite}"


def _lost(found: Mapping[str, Any], age: str, newer: Mapping[str, Any]) -> str:
    if found["resolved"] == "latest":
        return "what is written from now on until the site closes, and what has not been archived"
    files = f"; {newer['files']} files ({size(newer['size'])}) in its folders are newer" if newer["files"] else ""
    return f"everything that was written in the last {age}{files}"


def _closed(found: Mapping[str, Any]) -> str:
    ended = f"; {found['sessions']} connections to the database are ended" if found["sessions"] else ""
    return f"visitors get 503 while data is exchanged and the app starts; {', '.join(found['processes'])} stop{ended}"


def _release(found: Mapping[str, Any]) -> str:
    head = heads(found["heads"])
    if found["release"] == found["serving"]:
        keep = " (restore_schema=keep)" if found["keep"] and found["heads"] != found["serving_heads"] else ""
        return f"{found['serving']} stays live; migration head then: {head}{keep}"
    return (
        f"{found['release']} is live afterwards, not {found['serving']}: the restored data is at migration head {head}, and "
        f"{found['serving']} was made for {heads(found['serving_heads'])}"
    )


def heads(found: Sequence[str] | None) -> str:
    return "unknown" if found is None else ", ".join(found) or "base"


def refused_without_terminal(app: str) -> str:
    """Return why nothing was done where nobody can be asked."""
    return (
        f"Nothing was changed: a restore of {app} discards what is told above, and there is no terminal to ask at. "
        "Run it with -e yes=true if that is what you want"
    )


def done(host: str, answer: Mapping[str, Any]) -> str:
    """Return the lines that tell what a restore did."""
    restored, record, seconds = answer["restored"], answer["record"], answer["seconds"]
    app, id, kept = restored["app"], restored["id"], []
    if (restored["database"] or restored.get("mariadb")) and restored["had"]:
        kept.append(f"database {restored['kept']}")
    kept += [f"folder {folder['kept']}" for folder in restored["folders"] if folder["had"]]
    rows = answer["rows"][:SHOWN_ROWS]
    more = f", and {len(answer['rows']) - len(rows)} tables more" if len(answer["rows"]) > len(rows) else ""
    shown = ", ".join(f"{row['table'].removeprefix('public.')} {row['now']} (was {row['before']})" for row in rows)
    took = (
        f"{sum(seconds.values()):.1f} ({', '.join(f'{step} {seconds[step]:.1f}' for step in STEPS if step in seconds)})"
    )
    lines = [
        ("Release", f"{record['id']}" + ("" if record["id"] == answer["previous"] else f", in place of {answer['previous']}")),
        ("Rows", shown + more),
        ("Folders", f"{answer['carried']} files came since the restore point and were kept" if answer["carried"] else ""),
        ("Closed", f"{answer['closed_seconds']:.1f} s" + (", and still closed, as it was before" if answer["was_closed"] else "")),
        ("Seconds", took),
        ("Kept", f"{', '.join(kept)}; restore.yml -e app={app} -e forget={id} removes it" if kept else ""),
        *(("Note", note) for note in answer.get("notes", [])),
    ]  # fmt: skip
    return printable(table(f"{app} on {host}: restored to {restored['to']}", lines))


def failed(host: str, app: str, answer: Mapping[str, Any]) -> str:
    """Return the message of a restore that was refused or given up."""
    step = f" at '{answer['stage']}'" if answer.get("stage") not in (None, "", "check") else ""
    head = f"{app} on {host}: the restore failed{step}." if step else f"{app} on {host}: nothing was changed."
    notes = "".join(f"\nNote: {note}" for note in answer.get("notes") or [])
    return printable(f"{head}\n{answer.get('msg', '')}{notes}")


def forgotten(host: str, app: str, gone: Sequence[Mapping[str, Any]]) -> str:
    """Return the line that tells what of earlier restores was removed."""
    if not gone:
        return f"{app} on {host}: nothing of a restore is kept"
    names = [name for one in gone for name in [*[one["database"]] * bool(one["database"]), *one["folders"]]]
    return f"{app} on {host}: removed {', '.join(names)}"


def came_back(host: str, url: str, answer: Mapping[str, Any]) -> str:
    """Return the lines that tell of a live release on another host."""
    record = answer["record"]
    rows = [
        ("URL", url),
        ("Revision", revision_of(record)),
        ("Seconds", stages_of(record["seconds"])),
        ("Processes", ", ".join(answer.get("processes", []))),
        *(("Note", note) for note in answer.get("notes", [])),
    ]
    return printable(table(f"{record['app']} on {host}: release {record['id']} is live again, from the backups", rows))


def not_back(host: str, failed: Sequence[str]) -> str:
    """Return the message at the end when releases did not come back."""
    rows = [f"  - {text}" for text in failed]
    ways = "The data is there. deploy.yml -e app=NAME brings a new release; the same command tries again with the one that served"
    return printable("\n".join(["Some releases did not come back:", *rows, ways]))


def host_back(host: str, found: Mapping[str, Any]) -> str:
    """Return the line that tells how a whole host came back."""
    last = f"; the newest transaction in the databases is of {found['last']}" if found["last"] else ""
    notes = "".join(f"\nNote: {note}" for note in found["notes"])
    return printable(f"{host}: restored from its backups in {duration(found['seconds'])}{last}{notes}")
