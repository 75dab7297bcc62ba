# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Is PostgreSQL well: reachable, of a version that gets updates, far from a wraparound, with its settings in effect?

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._doctor import support
from ansible_collections.slipway.flask.plugins.module_utils._doctor.base import (
    Finding,
    Host,
    UnknownError,
    listed,
    note,
    problem,
)
from ansible_collections.slipway.flask.plugins.module_utils._postgres import marks, replication_look
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    Cluster,
    PostgresError,
    parse_clusters,
    psql,
)

QUESTION = """
SELECT json_build_object(
  'version', current_setting('server_version'),
  'pending', (SELECT coalesce(json_agg(name ORDER BY name), '[]') FROM pg_settings WHERE pending_restart),
  'ages', (SELECT json_object_agg(datname, greatest(age(datfrozenxid), mxid_age(datminmxid))) FROM pg_database),
  'sessions', (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
  'allowed', current_setting('max_connections')::int,
  'old', (SELECT coalesce(max(extract(epoch FROM now() - xact_start)), 0)::bigint FROM pg_stat_activity
          WHERE state <> 'idle' AND backend_type = 'client backend' AND pid <> pg_backend_pid()));
"""
LAST, LATE = 2_000_000_000, 500_000_000
"""Transactions: at some two thousand million the server takes no more (its manual, Routine Vacuuming). Autovacuum begins to
prevent it at autovacuum_freeze_max_age, two hundred million by default: far beyond that, it does not get through."""
HOURS = 6


def postgresql(host: Host, today: date, ask: Callable[[Cluster, str], str] = psql) -> Iterator[Finding]:
    """Look at each cluster of the host; there may be none. ASK puts a question to one."""
    code, said = host.run("pg_lsclusters", "--no-header")
    if code == 127:
        return
    if code:
        raise UnknownError("pg_lsclusters prints nothing")
    for cluster in parse_clusters(said):
        name = f"PostgreSQL {cluster.version}/{cluster.name}"
        yield from version(name, cluster.version, today)
        try:
            found: dict[str, Any] = json.loads(ask(cluster, QUESTION))
        except (PostgresError, ValueError) as error:
            if (kept := marks.read()).closed_for:
                yield problem(f"{name} was {kept.sentence}", "Make it a standby, or remove the host: docs/standby.md")
                continue
            why = str(error).splitlines()[0] if str(error) else "no answer"
            state = why if cluster.online else "it does not run"
            yield problem(
                f"{name} can't be reached: {state}",
                f"`systemctl start {cluster.unit}`, and see why it stopped in {cluster.log}",
            )
            continue
        yield from answers(name, cluster, found)
        if replication_look.is_replicated(cluster):
            yield from standbys(name, json.loads(ask(cluster, replication_look.QUESTION)))


def version(name: str, number: str, today: date) -> Iterator[Finding]:
    """Does version NUMBER get updates?"""
    end = support.POSTGRESQL.get(number)
    do = "playbooks/upgrade_database.yml shows what an upgrade would do, and does it"
    if end and end < today:
        yield problem(f"{name}: PostgreSQL {number} has had no support since {end}", do)
    elif end and end - today < support.SOON:
        yield note(f"{name}: support for PostgreSQL {number} ends on {end}", do)


def answers(name: str, cluster: Cluster, found: dict[str, Any]) -> Iterator[Finding]:
    """What does the server say of itself?"""
    if found["pending"]:
        yield problem(
            f"{name} must be restarted for {listed(found['pending'])}",
            "Close the sites (playbooks/maintenance.yml -e state=on), run playbooks/provision.yml --tags postgresql "
            "-e postgres_server_restart=true, and open them again",
        )
    oldest, age = max(found["ages"].items(), key=lambda item: int(item[1]))
    if int(age) > LATE:
        yield problem(
            f"{name}: the database {oldest} is {100 * int(age) / LAST:.0f} % of the way to a transaction ID wraparound, at "
            "which the server accepts no more changes",
            f"Find what holds VACUUM back (a prepared transaction, a replication slot, a session that stays open), then "
            f"`runuser -u postgres -- vacuumdb --freeze {oldest}`",
        )
    if found["sessions"] > 0.9 * found["allowed"]:
        yield problem(
            f"{name}: {found['sessions']} of {found['allowed']} connections are in use",
            "See whose they are with playbooks/status.yml; lower workers and threads, or set `database_pool: pgbouncer`",
        )
    if found["old"] > HOURS * 3600:
        yield problem(
            f"{name}: a transaction has been open for {found['old'] // 3600} hours, and keeps VACUUM from removing dead rows",
            "See which with playbooks/queries.yml, and end it with pg_terminate_backend",
        )


def standbys(name: str, found: dict[str, Any]) -> Iterator[Finding]:
    """Do the standbys receive what the server writes, or the server as one what its primary writes?"""
    for text in replication_look.problems(found):
        yield problem(
            f"{name}: {text}",
            "Start it if it does not run, and see its log; playbooks/site.yml connects it, or copies it anew (docs/standby.md)",
        )
