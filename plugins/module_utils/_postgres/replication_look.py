# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How a server stands to its primary and to its standbys, as it says itself.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._postgres import marks
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    Cluster,
    PostgresError,
    find_cluster,
    psql,
)
from ansible_collections.slipway.flask.plugins.module_utils._postgres.places import STANDBY_PREFIX as PREFIX

SECONDS = 8
QUESTION = f"""
SELECT json_build_object(
  'in_recovery', pg_is_in_recovery(),
  'received', pg_last_wal_receive_lsn()::text, 'replayed', pg_last_wal_replay_lsn()::text,
  'replayed_at', extract(epoch FROM pg_last_xact_replay_timestamp()),
  'written', CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_current_wal_lsn()::text END,
  'lag_seconds', CASE WHEN NOT pg_is_in_recovery() OR pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn() THEN 0
                 ELSE greatest(0, extract(epoch FROM now() - pg_last_xact_replay_timestamp())) END,
  'receiver', (SELECT json_build_object('state', status, 'from', sender_host,
                 'heard_seconds', extract(epoch FROM clock_timestamp() - last_msg_receipt_time))
               FROM pg_stat_wal_receiver),
  'slot', current_setting('primary_slot_name'),
  'standbys', (SELECT coalesce(json_agg(json_build_object(
      'slot', s.slot_name, 'name', coalesce(r.application_name, ''), 'state', coalesce(r.state, ''), 'wal', s.wal_status,
      'behind', CASE WHEN pg_is_in_recovery() THEN NULL
                ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), coalesce(r.flush_lsn, s.restart_lsn)) END) ORDER BY 1), '[]')
    FROM pg_replication_slots s LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid
    WHERE s.slot_type = 'physical' AND starts_with(s.slot_name, '{PREFIX}')));
"""
"""The last of pg_stat_replication is the one of the slot; a copy that is being made has none of its own."""
STREAMING, LOST = "streaming", "lost"
LATE_SECONDS = 60.0
"""A primary says something every ten seconds at least (wal_sender_timeout, manual 19.6.1)."""


def is_replicated(cluster: Cluster) -> bool:
    """Tell whether CLUSTER is a standby or has some, by its settings; no other server is asked anything."""
    try:
        text = cluster.drop_in.read_text()
    except OSError:
        return False
    return any(f"\n{name} = " in text for name in ("primary_conninfo", "max_slot_wal_keep_size"))


def ask(cluster: Cluster) -> dict[str, Any]:
    """Return what CLUSTER says. Raises PostgresError when it does not answer."""
    found: dict[str, Any] = json.loads(psql(cluster, QUESTION, seconds=SECONDS))
    return found


def is_streaming(found: Mapping[str, Any]) -> bool:
    """Tell whether a standby receives what its primary writes."""
    receiver = found.get("receiver") or {}
    return receiver.get("state") == STREAMING and float(receiver.get("heard_seconds") or 0) < LATE_SECONDS


def problems(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a server's standbys, or with it as one."""
    if found["in_recovery"]:
        if not is_streaming(found):
            yield "it is a standby and receives nothing from its primary"
        return
    for one in found["standbys"]:
        if one["wal"] == LOST:
            yield f"the standby {title(one)} was away for too long: what it needs of the write-ahead log is gone"
        elif one["state"] != STREAMING:
            yield f"the standby {title(one)} is not connected; it is {size(one['behind'])} behind"


def title(one: Mapping[str, Any]) -> str:
    """Return what a standby is called: its host's name while it is connected, of its slot otherwise."""
    return str(one["name"] or str(one["slot"]).removeprefix(PREFIX))


def size(number: Any) -> str:
    return f"{float(number or 0) / 1e6:.1f} MB"


def said(cluster: str = "") -> list[str]:
    """Return sentences for the host's status: what it is, and what is wrong. A host without standbys has none."""
    if (kept := marks.read()).closed_for:
        return [f"PostgreSQL: {kept.sentence}"]
    try:
        there = find_cluster(cluster)
        if there is None or not is_replicated(there):
            return []
        found = ask(there)
    except (PostgresError, ValueError):
        return []
    return lines(found)


def lines(found: Mapping[str, Any]) -> list[str]:
    """Return the sentences about what a server has said."""
    if found["in_recovery"]:
        behind = f"{float(found['lag_seconds'] or 0):.0f} s behind its primary"
        return [f"PostgreSQL: a standby, {behind}" if is_streaming(found) else f"PostgreSQL: {next(problems(found))}"]
    wrong = list(problems(found))
    well = [
        f"the standby {title(one)} is connected, {size(one['behind'])} behind"
        for one in found["standbys"]
        if one["state"] == STREAMING and one["wal"] != LOST
    ]
    return [f"PostgreSQL: {text}" for text in [*well, *wrong]]
