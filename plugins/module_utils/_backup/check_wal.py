# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Whether the cluster's WAL is archived: what is written since it last was would be lost with the host.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import database, meaning, moment
from ansible_collections.slipway.flask.plugins.module_utils._backup.check_targets import Seen
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.places import STANZA
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings
from ansible_collections.slipway.flask.plugins.module_utils._backup.telling import Problem
from ansible_collections.slipway.flask.plugins.module_utils._postgres import segments

SPOOL = Path("/var/spool/pgbackrest/archive") / STANZA / "out"
"""Where pgBackRest leaves why a segment could not be archived (`<segment>.error`: a code, then lines)."""
WAIT_SECONDS = 300
"""How long a segment may wait: one is begun every minute at least, and is at the targets within seconds."""


def problems(settings: Settings, seen: Seen, now: datetime) -> Iterator[Problem]:
    """Yield what is wrong with archiving; SEEN gets how far it is."""
    try:
        found = database.archiver(database.cluster_of(settings))
    except BackupError as error:
        yield Problem("wal:server", f"{meaning.short(str(error))}: its backups are stalled until it runs")
        return
    seen.archived = float(found["archived_at"] or 0.0)
    waiting = list(segments.waiting(Path(found["data"])))
    seen.waiting = len(waiting)
    since = moment.said(datetime.fromtimestamp(seen.archived, timezone.utc)) if seen.archived else "the beginning"
    lost = f"WAL has not been archived since {since}, so later changes would be lost with this host"
    if restart := database.waits_for_restart(found):
        yield Problem("wal:restart", restart)
    elif found["mode"] == "off" or "pgbackrest" not in found["command"]:
        yield Problem("wal:off", "WAL is not archived: PostgreSQL is not configured for it; run site.yml")
    elif float(found["failed_at"] or 0.0) > seen.archived:
        yield Problem("wal:failing", f"{lost}: {_why(settings, found)}", is_brief=True)
    elif waiting and now.timestamp() - min(waiting) > WAIT_SECONDS:
        yield Problem(
            "wal:late",
            f"{lost}: {len(waiting)} segments are waiting; check the connection to the targets, and "
            f"/var/log/pgbackrest on the host",
        )


def _why(settings: Settings, found: dict[str, Any]) -> str:
    """Return why the newest segment could not be archived, by what pgBackRest has left of it."""
    try:
        newest = max(SPOOL.glob("*.error"), key=lambda path: path.stat().st_mtime)
        said = newest.read_text(errors="replace").partition("\n")[2]
    except (OSError, ValueError):
        said = ""
    if not said.strip():
        age = int(time.time() - float(found["failed_at"]))
        return f"pgBackRest failed {age} s ago; see `journalctl -u postgresql` and /var/log/postgresql on the host"
    target = next(
        (one.name for one in settings.targets if one.name in said or one.path in said), settings.targets[0].name
    )
    return meaning.sentence(target if len(settings.targets) == 1 or target in said else "a target", said)
