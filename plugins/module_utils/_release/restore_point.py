# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The restore point before a migration, on a host that makes backups: database and folders can come back as of then.

The host's own program makes it: a deploy carries nothing of it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone

from ansible_collections.slipway.flask.plugins.module_utils._backup import brief, moment, places, state
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Record, ReleaseError, number

SECONDS = 300
"""How long it may take: the database's part takes a moment, and folders are saved as far as they changed."""


@dataclass(frozen=True)
class Made:
    """What came of it: the point's NAME ("" for none), and why something of it is missing."""

    name: str
    problems: tuple[str, ...] = ()


def is_kept(app: str) -> bool:
    """Tell whether this host's backups have the database of APP, so that a point stands in for a dump."""
    found = state.read(places.SETTINGS)
    return places.PROGRAM.exists() and any(one["name"] == app and one["database"] for one in found.get("apps", ()))


def make(app: str, release: str) -> Made | None:
    """Make the point before RELEASE of APP migrates; None where nothing is backed up."""
    if not (places.PROGRAM.exists() and places.SETTINGS.exists()):
        return None
    command = [str(places.PROGRAM), "point", app, "--before", release]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=SECONDS
        )
        said, error = done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        said, error = text(late.stdout), f"it took longer than {SECONDS} s"
    except OSError as failed:
        said, error = "", str(failed)
    return read(said, error)


def text(output: str | bytes | None) -> str:
    """Return what a program that was ended has written so far."""
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""


def read(said: str, error: str) -> Made:
    """Return what the program SAID: a line with the point as soon as the database has it, one with what else went wrong."""
    answer = {}
    for line in said.splitlines():
        try:
            answer.update(json.loads(line))
        except ValueError:
            continue
    problems = answer["problems"] if "problems" in answer else [" ".join(error.split())[-500:] or "it gave no reason"]
    return Made(str(answer.get("point", "")), tuple(problems))


def before_migration(app: str, record: Record, is_needed: bool) -> list[str]:
    """Make the point before RECORD's release migrates, and keep its name there; return what to note.

    IS_NEEDED: the migration destroys, and there is no dump. Raises ReleaseError when there is no point then.
    """
    made = make(app, record.id)
    if made is None:
        return []
    record.restore_point = made.name
    why = "; ".join(made.problems)
    if not made.name and is_needed:
        raise ReleaseError(
            f"the restore point before a destructive migration could not be made: {why}\nNothing was run. Fix that, or do "
            "without (migrations_dump: false)"
        )
    if not made.name:
        return [f"there is no restore point before the migration: {why}"]
    return [
        f"restore point {made.name} was made before the migration",
        *([f"it is not complete: {why}"] if why else []),
    ]


def way_back(app: str, target: str, newer: Iterable[Record]) -> str:
    """Return how the data comes back as it was for release TARGET, before those of NEWER that migrated; "" for no way."""
    points = [one for one in sorted(newer, key=lambda one: number(one.id)) if one.restore_point]
    found = next((one for one in points if number(one.id) > number(target)), None)
    if found is None:
        return ""
    when = moment.time_of(found.restore_point)
    age = brief.told(datetime.now(timezone.utc) - when)
    return (
        f"\n  - Restore the data as it was before release {found.id} migrated; everything written since {moment.said(when)} "
        f"({age}) is lost:\n    ansible-playbook playbooks/restore.yml -e app={app} -e to={found.restore_point}"
    )
