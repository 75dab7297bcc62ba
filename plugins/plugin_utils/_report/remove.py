# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person reads of the removal of an app. PRIVATE to the collection. It can have breaking changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._report.deploy import printable

SHOWN = 3
EMPTY = 500
"""Octets that would be shown as 0 kB."""


def question(host: str, app: str, found: Mapping[str, Any], export: str) -> str:
    """Return what will go. EXPORT says what becomes of the data before, "" for nothing."""
    head = f"{app} on {host}: all of this will be removed"
    if found["under_way"]:
        since = f"begun {found['begun']} UTC by {found['by'] or 'somebody'}"
        head = f"{app} on {host}: a removal, {since}, was killed; this is left of it"
    empty = [what for what, size in found["items"] if size is not None and size < EMPTY]
    items = [(what, size) for what, size in found["items"] if what not in empty]
    items += [(f"empty: {', '.join(empty)}", None)] if empty else []
    sizes = [_size(size) for _, size in items]
    width = max(map(len, sizes), default=0)
    rows = [f"  {size.rjust(width)}  {what}" for size, (what, _) in zip(sizes, items, strict=True)]
    return printable(
        "\n".join([head, *rows, *(f"  Note: {note}" for note in found["notes"]), *[f"  {export}"] * bool(export)])
    )


def _size(octets: int | None) -> str:
    if octets is None:
        return ""
    return (
        f"{octets / 1e9:.1f} GB"
        if octets >= 1e9
        else f"{octets / 1e6:.1f} MB"
        if octets >= 1e5
        else f"{octets / 1e3:.0f} kB"
    )


def nothing(host: str, app: str, found: Mapping[str, Any]) -> str:
    """Return the line for a host that has nothing of the app."""
    gone = f"; it was removed {found['begun']} UTC by {found['by'] or 'somebody'}" if found["begun"] else ""
    return printable(f"{app} on {host}: there is nothing of it{gone}")


def problems(host: str, app: str, found: Sequence[str]) -> str:
    """Return the refusal when something is in the way."""
    return printable("\n".join([f"{app} on {host}: nothing was changed, because:", *(f"  - {text}" for text in found)]))


def refused(app: str) -> str:
    """Return the refusal where there is nobody to ask."""
    return f"Nothing was changed: there is no terminal to ask at. Say -e yes=true to remove {app} with all that is told above"


def stopped(host: str, app: str, why: str) -> str:
    """Return the message when the last export failed."""
    return printable(
        f"{app} on {host}: its site is closed and it is stopped, and all of its data is there, for the last export failed: {why}\n"
        "Run this again, with -e to=… for another folder, or with -e export=false to remove it without an export"
    )


def lacking(notes: Sequence[str]) -> str:
    """Return what data the NOTES of an export say it lacks, "" for none: a link that leads out of a folder is no data."""
    lost = [note for note in notes if "was left out" in note and not note.startswith("the link ")]
    return "; ".join(lost[:SHOWN]) + (f" and {len(lost) - SHOWN} more" if len(lost) > SHOWN else "")


def killed(host: str, app: str, why: str) -> str:
    """Return the message when the removal failed on its way."""
    return printable(
        f"{app} on {host}: the removal is not complete: {why}\nRun this again when that is fixed: it goes on"
    )


def done(host: str, app: str, notes: Sequence[str], listed: bool, forgot: bool) -> str:
    """Return how it ended. LISTED: the app is still described, FORGOT: its backups went as well."""
    lines = [f"{app} on {host}: removed{', and its backups as far as they can be' if forgot else ''}"]
    lines += [f"  Note: {note}" for note in notes]
    if listed:
        lines.append(f"  {still_listed(app)}")
    return printable("\n".join(lines))


def still_listed(app: str) -> str:
    """Return what is to be done about an app that is described although it is removed."""
    return f"It is still in slipway_apps: take it out. site.yml sets it up again only with -e anew={app}"
