# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a restore does to the releases of an app: all of them end, one starts on the restored data. A killed one is settled.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.slipway.flask.plugins.module_utils._backup import scratch_place, swap
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.journal import Journal, unfinished
from ansible_collections.slipway.flask.plugins.module_utils._nginx import maintenance
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.traffic import Traffic


def settle(context: Context) -> None:
    """Undo each restore that was killed before its data had come to stay, and finish the others. Raises ReleaseError."""
    for left in unfinished(context.paths.app):
        told = f"{left.said} was killed at '{left.step}'"
        try:
            if left.step == "done":
                finish(context, left)
                context.notes.append(f"{told}; it was finished: {left.release} serves its data")
            else:
                undo(context, left)
                context.notes.append(f"{told}; it was undone: everything is as before it")
        except BackupError as error:
            raise ReleaseError(f"{told} and can't be settled yet: {error}", "restore") from None


def undo(context: Context, journal: Journal) -> None:
    """Bring everything back to what it was before the restore. Raises BackupError while that can't be done.

    A release that does not start again is noted, and the site stays closed.
    """
    closed = journal.step != "prepare"
    if closed:
        halt(context)
    if journal.step in ("swap", "start"):
        swap.back(journal)
        context.notes += journal.notes
    swap.discard(journal)
    scratch_place.sweep()
    if closed:
        try:
            bring(context, journal.serving)
        except ReleaseError as error:
            context.notes.append(f"{journal.serving} did not start again, and the site stays closed: {error}")
        else:
            reopen(journal)
    journal.remove()


def finish(context: Context, journal: Journal) -> None:
    """Have the restored data served. Raises ReleaseError when the release does not start; the site stays closed then."""
    bring(context, journal.release)
    reopen(journal)
    swap.discard(journal)
    journal.at("kept")


def halt(context: Context) -> None:
    """End everything of the app; no restart of the host brings it back."""
    current = context.paths.current_id()
    for process in context.processes:
        for release in sorted(process.releases() | ({current} - {""})):
            process.disable(release)
            process.stop(release)


def bring(context: Context, release: str) -> None:
    """Start RELEASE, wait until it is ready, and have it serve. Raises ReleaseError."""
    if not release:
        return
    start(context, release).switch()


def start(context: Context, release: str) -> Traffic:
    """Start RELEASE, of which nothing runs, and wait until it is ready. Raises ReleaseError."""
    record = context.paths.record(release)
    if record is None:
        raise ReleaseError(f"release {release} is gone", "start")
    serving = context.paths.current_id()
    record = replace(record, previous=serving if serving != release else "")
    traffic = Traffic(Context(context.request, context.paths, record, context.uid, context.gid, context.notes))
    traffic.start()
    traffic.gate()
    return traffic


def close(journal: Journal) -> None:
    """Close the site. Raises ReleaseError when nginx has none."""
    _switch(journal, closed=True)


def reopen(journal: Journal) -> None:
    """Open the site, unless somebody had closed it before."""
    if not journal.was_closed:
        _switch(journal, closed=False)


def _switch(journal: Journal, closed: bool) -> None:
    try:
        maintenance.switch([journal.app], closed, f"{journal.said.split()[0]} {journal.what} by {journal.by}")
    except maintenance.MaintenanceError as error:
        raise ReleaseError(str(error), "close") from None
