# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The primary's side: a role and a slot for each standby, and none for those that are no more.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    Cluster,
    PostgresError,
    identifier,
    literal,
    psql,
)
from ansible_collections.slipway.flask.plugins.module_utils._postgres.places import STANDBY_PREFIX as PREFIX
from ansible_collections.slipway.flask.plugins.module_utils._postgres.replica import slot

ROLE = "LOGIN REPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS CONNECTION LIMIT 5"
"""What a standby may: follow. Two connections are for that, and three more for a copy while a former one is found dead."""
STATE = f"""
SELECT json_build_object(
  'in_recovery', pg_is_in_recovery(),
  'roles', (SELECT coalesce(json_object_agg(rolname, coalesce(rolpassword, '')), '{{}}') FROM pg_authid
            WHERE starts_with(rolname, '{PREFIX}')),
  'slots', (SELECT coalesce(json_object_agg(slot_name, coalesce(wal_status, 'reserved')), '{{}}') FROM pg_replication_slots
            WHERE slot_type = 'physical' AND starts_with(slot_name, '{PREFIX}')));
"""
LOST = "lost"
"""The state of a slot whose standby has been away for so long that the WAL which it needs is gone."""


@dataclass
class Plan:
    """What has to be done: SQL, one sentence about each (without its secrets), and the standbys whose WAL is gone."""

    sql: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def add(self, action: str, *sql: str) -> None:
        self.sql += sql
        self.actions.append(action)


def plan(standbys: Sequence[Mapping[str, Any]], state: Mapping[str, Any]) -> Plan:
    """Work out how the server comes from STATE to having STANDBYS (`name`, `verifier`).

    A slot that was lost is made anew: it holds nothing any more, and its standby must be copied in any case.
    """
    todo, wanted = Plan(), {slot(one["name"]): one for one in standbys}
    for name, one in wanted.items():
        if not one["verifier"]:  # its host is not part of this run
            continue
        role = identifier(name)
        if name not in state["roles"]:
            todo.add(f"role {name} made", f"CREATE ROLE {role} {ROLE} PASSWORD {literal(one['verifier'])}")
        elif state["roles"][name] != one["verifier"]:
            todo.add(f"password of {name} changed", f"ALTER ROLE {role} {ROLE} PASSWORD {literal(one['verifier'])}")
        if state["slots"].get(name) == LOST:
            todo.lost.append(str(one["name"]))
            todo.add(f"slot {name}, whose WAL is gone, made anew", *_drop(name), _create(name))
        elif name not in state["slots"]:
            todo.add(f"slot {name} made", _create(name))
    for name in sorted(set(state["slots"]) - set(wanted)):
        todo.add(f"slot {name} removed: there is no such standby", *_drop(name))
    for name in sorted(set(state["roles"]) - set(wanted)):
        todo.add(f"role {name} removed: there is no such standby", f"DROP ROLE {identifier(name)}")
    return todo


def _create(name: str) -> str:
    # true: it keeps WAL from now on, not only from when the standby has connected for the first time.
    return f"SELECT pg_create_physical_replication_slot({literal(name)}, true)"


def _drop(name: str) -> tuple[str, ...]:
    """A slot that is in use can't be dropped: whoever uses it is ended first."""
    ended = f"SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE slot_name = {literal(name)} AND active"
    return ended, f"SELECT pg_drop_replication_slot({literal(name)})"


def read(cluster: Cluster) -> dict[str, Any]:
    """Ask the server for roles and slots of standbys, and whether it is one itself."""
    state: dict[str, Any] = json.loads(psql(cluster, STATE))
    return state


def ensure(cluster: Cluster, standbys: Sequence[Mapping[str, Any]], check: bool = False) -> Plan:
    """Bring the server of CLUSTER to STANDBYS. Raises PostgresError when it is a standby itself, or refuses."""
    state = read(cluster)
    if state["in_recovery"]:
        raise PostgresError(
            "this server is a standby, but the inventory says that it is a primary: change slipway_database, as "
            "playbooks/promote.yml shows"
        )
    todo = plan(standbys, state)
    if todo.sql and not check:
        psql(cluster, "".join(f"{statement};\n" for statement in todo.sql))
    return todo
