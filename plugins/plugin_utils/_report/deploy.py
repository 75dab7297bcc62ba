# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person reads at the end of a deploy.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._release import hooks, stages
from ansible_collections.slipway.flask.plugins.module_utils._source.revision import short

CONTROL = re.compile(r"[^\n\t\x20-\x7e\xa0-\U0010ffff]")


def revision_of(record: Mapping[str, Any]) -> str:
    """Return the short revision of a release, and whether files were changed since it was committed."""
    return f"{short(record['revision'])}{' (with uncommitted changes)' if record.get('dirty') else ''}"


def promoted(record: Mapping[str, Any]) -> str:
    """Return where a release was promoted from, "" for one that was not."""
    return f"from {record['promoted']}" if record.get("promoted") else ""


def schema_of(record: Mapping[str, Any], changed: bool = True) -> str:
    """Return what a release did to the database's schema; without CHANGED only where it is."""
    before, after = record.get("heads_before"), record.get("heads_after")
    if after is None:
        return "no migrations known"
    head = ", ".join(after) or "empty"
    if not changed:
        return head
    return f"{head} (unchanged)" if before == after else f"{', '.join(before or []) or 'empty'} → {head}"


def deployed(host: str, url: str, result: Mapping[str, Any]) -> str:
    """Return the lines that tell what a deploy did."""
    record = result["record"]
    notes = [("Note", note) for note in result.get("notes", [])]
    if not result["changed"]:
        head = f"{record['app']} on {host}: release {record['id']} is already live; nothing changed"
        rows = [
            ("URL", url),
            ("Revision", revision_of(record)),
            ("Promoted", promoted(record)),
            ("Migration head", schema_of(record, changed=False)),
        ]
        return table(head, rows + notes)
    seconds = record["seconds"]
    previous, back = result.get("previous"), f"rollback.yml -e app={record['app']}"
    rows = [
        ("URL", url),
        ("Revision", revision_of(record)),
        ("Promoted", promoted(record)),
        ("Migration head", schema_of(record)),
        ("Seconds", f"{sum(seconds.values()):.1f} ({stages_of(seconds)})"),
        ("Before", f"{previous}; back to it: {back}" if previous else "nothing: this is the first release"),
        ("Processes", ", ".join(result.get("processes", []))),
        *(("Drains", text) for text in result.get("draining", [])),
    ]
    head = f"{record['app']} on {host}: release {record['id']} is live"
    return table(head, rows + notes)


def rolled_back(host: str, result: Mapping[str, Any]) -> str:
    """Return the lines that tell what a rollback did."""
    record = result["record"]
    if not result["changed"]:
        return f"{record['app']} on {host}: release {record['id']} is already live; nothing changed"
    seconds, previous = record["seconds"], result["previous"]
    rows = [
        ("Revision", revision_of(record)),
        ("Migration head", schema_of(record)),
        ("Seconds", f"{sum(seconds.values()):.1f} ({stages_of(seconds)})"),
        ("Before", f"{previous}; back to it: rollback.yml -e app={record['app']} -e release={previous}"),
        ("Processes", ", ".join(result.get("processes", []))),
        *(("Drains", text) for text in result.get("draining", [])),
    ]
    head = f"{record['app']} on {host}: release {record['id']} is live again, with the settings that it had"
    return table(head, rows + [("Note", note) for note in result.get("notes", [])])


def stages_of(seconds: Mapping[str, float]) -> str:
    """Return the stages that ran, each with its seconds."""
    return ", ".join(f"{stage} {seconds[stage]:.1f}" for stage in stages.NAMES if stage in seconds)


def failed(host: str, app: str, result: Mapping[str, Any], what: str = "deploy") -> str:
    """Return the message of a deploy, rollback or plan that was given up."""
    name = str(result.get("stage") or "")
    stage = f" at {'hook' if name in hooks.NAMES else 'stage'} '{name}'" if name else ""
    switched = "The release that it rolled back to is live." if what == "rollback" else "The new release is live."
    serving = switched if stages.stays(name) else "The previous release is still live."
    if result.get("serves") == "":  # of a host that could not answer it is not known
        serving = "No release is live yet."
    notes = "".join(f"\nNote: {note}" for note in result.get("notes") or [])
    return printable(f"{app} on {host}: the {what} failed{stage}. {serving}\n{result.get('msg', '')}{notes}")


def printable(text: str) -> str:
    """Return TEXT without what a terminal would obey: what apps and packages print stands in messages."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def failures(host: str, texts: Mapping[str, str], apps: int) -> str:
    """Return the message at the end of a run over several APPS on HOST: TEXTS are the messages of those that failed."""
    head = f"{len(texts)} of {apps} apps failed on {host}; the run went on with the others:"
    rows = []
    for app, text in texts.items():
        first, _, rest = text.partition("\n")
        first = first.removeprefix(f"{app} on {host}: ")
        rows.append(f"  - {app}: {first}")
        lines = [line.strip() for line in rest.splitlines() if line.strip() and not line.startswith("Note: ")]
        begun = [re.sub(r" (?:Its last lines|The end of (?:the|its) journal):$", "", line) for line in lines[:1]]
        rows += [f"    {line}" for line in (begun if begun == lines[:1] else [*begun, lines[-1]])]
    return "\n".join([head, *rows])


def table(head: str, rows: Iterable[tuple[str, str]]) -> str:
    """Return HEAD and the ROWS below it, their values in one column."""
    rows = [(name, value) for name, value in rows if value]
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join([head, *(f"  {name.ljust(width)}  {value}" for name, value in rows)])
