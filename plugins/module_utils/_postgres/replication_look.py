# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How a server stands to its primary and to its standbys, as it says itself.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._postgres import marks
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    Cluster,
    PostgresError,
    find_cluster,
    psql,
)
from ansible_collections.slipway.flask.plugins.module_utils._postgres.replica import PREFIX

SECONDS = 8
QUESTION = f"""
SELECT json_build_object(
  'in_recovery', pg_is_in_recovery(),
  'received', pg_last_wal_receive_lsn()::text, 'replayed', pg_last_wal_replay_lsn()::text,
  'replayed_at', extract(epoch FROM pg_last_xact_replay_timestamp()),
  'written', CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_current_wal_lsn()::text END,
  'lag_seconds', CASE WHEN NOT pg_is_in_recovery() OR pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
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
LATE_SECONDS = 60.0
"""A primary says something every ten seconds at least (wal_sender_timeout, manual 19.6.1)."""


def ask(cluster: Cluster, put: Callable[..., str] = psql) -> dict[str, Any]:
    """Return what CLUSTER says. Raises PostgresError when it does not answer."""
    found: dict[str, Any] = json.loads(
        put(cluster, QUESTION, seconds=SECONDS) if put is psql else put(cluster, QUESTION)
    )
    return found


def is_streaming(found: Mapping[str, Any]) -> bool:
    """Tell whether a standby receives what its primary writes."""
    receiver = found.get("receiver") or {}
    return receiver.get("state") == "streaming" and float(receiver.get("heard_seconds") or 0) < LATE_SECONDS


def problems(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a server's standbys, or with it as one."""
    if found["in_recovery"]:
        if not is_streaming(found):
            yield "it is a standby and receives nothing from its primary"
        return
    for one in found["standbys"]:
        if one["wal"] == "lost":
            yield f"the standby {title(one)} was away for too long: the WAL that it needs is gone"
        elif one["state"] != "streaming":
            yield f"the standby {title(one)} does not receive what is written ({size(one['behind'])} behind)"


def title(one: Mapping[str, Any]) -> str:
    """Return what a standby is called: its host's name while it is connected."""
    return str(one["name"] or str(one["slot"]).removeprefix(PREFIX))


def size(number: Any) -> str:
    return f"{float(number or 0) / 1e6:.1f} MB"


def said(cluster: str = "") -> list[str]:
    """Return sentences for the host's status: what it is, and what is wrong. A host without standbys has none."""
    try:
        there = find_cluster(cluster)
        if there is None:
            return []
        kept = marks.read()
        if kept.closed_for:
            return [f"PostgreSQL: {kept.sentence}"]
        found = ask(there)
    except (PostgresError, ValueError):
        return []
    return lines(found)


def lines(found: Mapping[str, Any]) -> list[str]:
    """Return the sentences about what a server has said."""
    wrong = list(problems(found))
    if found["in_recovery"]:
        state = (
            "receives nothing from its primary: see docs/standby.md" if wrong else "receives what its primary writes"
        )
        return [f"PostgreSQL: a standby, {float(found['lag_seconds'] or 0):.0f} s behind; it {state}"]
    return [
        f"PostgreSQL: standby {title(one)} " + (
            "was away for too long and must be copied anew (playbooks/site.yml)" if one["wal"] == "lost"
            else f"{one['state'] or 'not connected'}, {size(one['behind'])} behind"
        )
        for one in found["standbys"]
    ]  # fmt: skip
