# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A promotion on the hosts: what each of the two servers is, the old one closed, and the standby made the primary.

A server is closed by ending it in order: it sends its standby all that it has before it goes. Its data is then made a
standby's, so that it takes no writes whoever starts it. Each step can be repeated.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import stored, systemd
from ansible_collections.slipway.flask.plugins.module_utils._postgres import control, marks, server, standby, wal
from ansible_collections.slipway.flask.plugins.module_utils._postgres.marks import Marks
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    Cluster,
    PostgresError,
    find_cluster,
    psql,
)

QUESTION = """
SELECT json_build_object(
  'in_recovery', pg_is_in_recovery(),
  'receiver', coalesce((SELECT status FROM pg_stat_wal_receiver), ''),
  'heard_seconds', (SELECT extract(epoch FROM clock_timestamp() - last_msg_receipt_time) FROM pg_stat_wal_receiver),
  'received', greatest(coalesce(pg_last_wal_receive_lsn(), '0/0'), pg_last_wal_replay_lsn())::text,
  'replayed', pg_last_wal_replay_lsn()::text,
  'last_at', to_char(pg_last_xact_replay_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
  'written', CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_current_wal_flush_lsn()::text END,
  'sessions', (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
               AND datname NOT IN ('postgres', 'template1')));
"""
RECEIVE_SECONDS = 30
PROMOTE_SECONDS = 60


def there(wanted: str = "") -> tuple[Cluster, Path]:
    """Return the host's cluster and its data. Raises PostgresError if there is none."""
    cluster = find_cluster(wanted)
    if cluster is None:
        raise PostgresError("there is no PostgreSQL server on this host")
    return cluster, control.data_folder(cluster)


def look(wanted: str = "", after: str = "") -> dict[str, Any]:
    """Return what the server is; of one that does not run, what it committed AFTER a position, if that is asked."""
    cluster, data = there(wanted)
    found = control.read(cluster, data)
    answer: dict[str, Any] = {
        "cluster": f"{cluster.version}/{cluster.name}", "online": False, "marks": asdict(marks.read()), "error": "",
        "system": found.system if found else "", "timeline": found.timeline if found else 0,
        "state": found.state if found else "no data", "is_standby": bool(found and found.is_standby),
        "checkpoint": wal.text(found.checkpoint) if found else "",
        "ended_cleanly": bool(found and found.ended_cleanly),
    }  # fmt: skip
    if cluster.online:
        try:
            answer.update(json.loads(psql(cluster, QUESTION, seconds=PROMOTE_SECONDS)), online=True)
        except PostgresError as error:
            answer["error"] = str(error)
    if after and found and not answer["online"]:
        commits = wal.commits_after(cluster, data, found.timeline, wal.number(after))
        answer["commits"] = asdict(commits) if commits else None
    return answer


def close(host: str, by: str, wanted: str = "") -> str:
    """End the server, for good, for the promotion of HOST; return where its log ends: the position of its last checkpoint.

    :raises PostgresError: when it ran and did not end in order; it is closed then all the same.
    """
    cluster, data = there(wanted)
    ran = cluster.online
    marks.write(Marks(closed_for=host, at=stored.now(), by=by))
    standby.at_boot(cluster, False)
    systemd.stop(cluster.unit)
    standby.mark(data)
    found = control.read(cluster, data)
    if ran and not (found and found.ended_cleanly):
        raise PostgresError(
            f"the server did not end in order ({found.state if found else 'no data'}), so it may not have sent all that it has"
        )
    position = wal.text(found.checkpoint) if found else ""
    marks.write(Marks(closed_for=host, at=stored.now(), by=by, position=position))
    return position


def reopen(wanted: str = "") -> None:
    """Undo `close`: the server takes writes again. Only as long as nobody else does."""
    cluster, data = there(wanted)
    (data / control.SIGNAL).unlink(missing_ok=True)
    standby.at_boot(cluster, True)
    server.start(cluster, "start")
    marks.forget()


def receive(until: str, wanted: str = "", seconds: float = RECEIVE_SECONDS) -> None:
    """Wait until this standby has replayed its primary's last record, which begins at UNTIL.

    :raises PostgresError: when it has not after SECONDS.
    """
    cluster, _ = there(wanted)
    deadline = time.monotonic() + seconds
    while True:
        replayed = json.loads(psql(cluster, QUESTION))["replayed"] or "0/0"
        if wal.number(replayed) > wal.number(until):
            return
        if time.monotonic() > deadline:
            raise PostgresError(
                f"it has not received all: it is at {replayed}, and the primary's last record is at {until}"
            )
        time.sleep(0.1)


def promote(old: str, by: str, wanted: str = "") -> dict[str, Any]:
    """Make this standby of OLD the primary; one that is it already stays it. Return what it is then.

    :raises PostgresError: when it does not take writes afterwards.
    """
    cluster, _ = there(wanted)
    before = look(wanted)
    if not before["online"]:
        raise PostgresError(f"{cluster.unit} does not answer: {before['error'] or before['state']}")
    if before["in_recovery"]:
        psql(cluster, f"SELECT pg_promote(true, {PROMOTE_SECONDS});", seconds=2 * PROMOTE_SECONDS)
    after = look(wanted)
    if not after["online"] or after["in_recovery"]:
        raise PostgresError(f"{cluster.unit} did not become a primary within {PROMOTE_SECONDS} s: see {cluster.log}")
    if before["in_recovery"]:
        marks.write(Marks(promoted_from=old, at=stored.now(), by=by, position=str(before["replayed"] or "")))
    standby.at_boot(cluster, True)
    return {**after, "marks": asdict(marks.read())}
