# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person reads of an import.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._report.deploy import printable, table
from ansible_collections.slipway.flask.plugins.plugin_utils._report.tables import size


def imported(host: str, app: str, asked: Mapping[str, Any], answer: Mapping[str, Any]) -> str:
    """Return the summary of an import that was done; ASKED is what the host was asked, ANSWER what it answered."""
    told, rows = answer["told"], []
    if asked.get("dump_name"):
        tables = f"{told['tables']} table{'s' * (told['tables'] != 1)}, {size(told['octets'])}"
        rows.append(("Database", f"{asked['dump_name']}: {tables}"))
        rows.append(("Migrations", str(told["schema"])))
        rows.append(("Left out", left_out(told)))
    if asked.get("files_name"):
        files = f"{told['files']} file{'s' * (told['files'] != 1)}, {size(told['files_octets'])}"
        rows.append(("Files", f"{asked['files_name']}: {files}, into {asked['into']}"))
    closed = (
        "it was closed before, and still is" if answer["was_closed"] else f"closed for {answer['closed_seconds']} s"
    )
    rows.append(("Site", closed))
    rows.append(("Seconds", ", ".join(f"{name} {took:.1f}" for name, took in answer["seconds"].items())))
    rows += [("Kept", str(one)) for one in answer["kept"]]
    rows += [("Note", str(note)) for note in answer.get("notes") or []]
    return printable(table(f"{app} on {host}: imported", rows))


def left_out(told: Mapping[str, Any]) -> str:
    """Return what of a dump was not run, being about the server that it comes from."""
    found = [f"{what} ({count})" for what, count in sorted(told["left_out"].items())]
    found += [f"the extension {name}" for name in told["extensions"]]
    return ", ".join(found)


def import_failed(host: str, app: str, answer: Mapping[str, Any]) -> str:
    """Return the message of an import that was refused or given up."""
    stage = f" at '{answer['stage']}'" if answer.get("stage") else ""
    notes = "".join(f"\nNote: {note}" for note in answer.get("notes") or [])
    return printable(f"{app} on {host}: nothing was imported{stage}.\n{answer.get('msg', '')}{notes}")
