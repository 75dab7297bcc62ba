# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's PostgreSQL, under the names of postgres_exporter, and which statements take its time.

Asked by psql in the database `postgres`, which no app gets into, once for all: nothing that an app has made is read.
Source: PostgreSQL manual, 28.2 (the statistics views), F.32 (pg_stat_statements).
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._metrics import places, replication
from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import Config
from ansible_collections.slipway.flask.plugins.module_utils._metrics.sample import Sample
from ansible_collections.slipway.flask.plugins.module_utils._postgres import replication_look
from ansible_collections.slipway.flask.plugins.module_utils._postgres.insight_sql import SCHEMA
from ansible_collections.slipway.flask.plugins.module_utils._postgres.masked import masked
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    Cluster,
    PostgresError,
    find_cluster,
    psql,
)

SECONDS = 8
PSQL_ARGUMENTS = ("-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-f", "-")
"""Of the psql that is started at `places.PSQL` and told of its cluster by the first two lines: version and port."""
SEARCH = "SET search_path = pg_catalog;"
SLOW_EVERY = 60.0
"""Seconds between two looks at sizes, for which the server looks at each file, and at statements."""
STATEMENTS, QUERY = 10, 80
"""Of one database, and characters of one."""
COUNTERS = ("xact_commit", "xact_rollback", "blks_hit", "blks_read", "deadlocks", "temp_bytes")

NOW = """
SELECT json_build_object(
  'most', current_setting('max_connections')::int,
  'activity', (SELECT coalesce(json_agg(t), '[]') FROM (
    SELECT datname, coalesce(state, '') AS state, count(*) AS count,
           coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0) AS seconds
    FROM pg_stat_activity
    WHERE datname IS NOT NULL AND backend_type = 'client backend' AND pid <> pg_backend_pid() GROUP BY 1, 2) t),
  'databases', (SELECT coalesce(json_agg(t), '[]') FROM (
    SELECT datname, xact_commit, xact_rollback, blks_hit, blks_read, deadlocks, temp_bytes
    FROM pg_stat_database JOIN pg_database USING (datname) WHERE NOT datistemplate ORDER BY 1 LIMIT 50) t));
"""
SIZES = """
SELECT coalesce(json_agg(t), '[]') FROM (
  SELECT datname, pg_database_size(oid) AS bytes FROM pg_database WHERE NOT datistemplate ORDER BY 1 LIMIT 50) t;
"""
SLOWEST = """
SELECT coalesce(json_agg(t), '[]') FROM (
  SELECT datname, queryid, left(query, 2000) AS query, seconds, calls FROM (
    SELECT datname, queryid::text, min(query) AS query, sum(total_exec_time) / 1000 AS seconds, sum(calls) AS calls,
           row_number() OVER (PARTITION BY datname ORDER BY sum(total_exec_time) DESC) AS place
    FROM {schema}.pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
    WHERE userid <> 10 AND queryid IS NOT NULL GROUP BY 1, 2) s WHERE place <= {limit}) t;
"""
"""Without those of the superuser (whose number is 10): dumps, and what is asked here."""


class Postgres:
    """A part of the collector."""

    name = "postgres"
    every = 15.0

    def __init__(self, config: Config) -> None:
        self.config = config
        self.cluster: Cluster | None = None
        self.slow: list[Sample] = []
        self.slow_at = float("-inf")

    def samples(self, now: float) -> Iterator[Sample]:
        if not any(app.database for app in self.config.apps) and not self._serves_others():
            return
        try:
            found = list(self._look(now))
        except PostgresError:
            self.cluster, found = None, []  # the next one may be another: an upgrade makes one
        yield Sample("pg_up", float(bool(found)), help="Whether PostgreSQL answers.")
        yield from found

    def _serves_others(self) -> bool:
        """Tell whether the host has no apps of its own, and a server: that of other hosts' apps, or a standby."""
        try:
            return not self.config.apps and find_cluster(str(self.config.more.get("cluster", ""))) is not None
        except PostgresError:
            return False

    def _look(self, now: float) -> Iterator[Sample]:
        self.cluster = self.cluster or find_cluster(str(self.config.more.get("cluster", "")))
        if self.cluster is None:
            return
        yield from activity(self._ask(NOW))
        if replication_look.is_replicated(self.cluster):
            yield from replication.samples(self._ask(replication_look.QUESTION))
        if now - self.slow_at >= SLOW_EVERY - 1:
            self.slow, self.slow_at = [*sizes(self._ask(SIZES)), *self._statements()], now
        yield from self.slow

    def _statements(self) -> Iterator[Sample]:
        schema = self._ask(SCHEMA)
        if schema.get("schema"):
            yield from statements(self._ask(SLOWEST.format(schema=schema["schema"], limit=STATEMENTS)))

    def _ask(self, sql: str) -> Any:
        return json.loads(ask(self.cluster, sql)) if self.cluster else {}


def ask(cluster: Cluster, sql: str) -> str:
    """Return what CLUSTER answers to SQL. The collector can't become the server's user: systemd starts a psql that is.

    :raises PostgresError: when it does not answer.
    """
    if not places.PSQL.is_socket():  # by hand, where the collector is not set up
        return psql(cluster, sql, seconds=SECONDS)
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(SECONDS)
            client.connect(str(places.PSQL))
            client.sendall(f"{cluster.version}\n{cluster.port}\n{SEARCH}\n{sql}\n".encode())
            client.shutdown(socket.SHUT_WR)
            said = b"".join(iter(lambda: client.recv(1 << 16), b""))
    except OSError as error:
        raise PostgresError(f"psql does not answer: {error}") from None
    if not said.strip():
        raise PostgresError("PostgreSQL does not answer")
    return said.decode(errors="replace")


def activity(found: Mapping[str, Any]) -> Iterator[Sample]:
    """Yield who is connected and what the databases have done."""
    yield Sample("pg_settings_max_connections", found["most"], help="Maximum number of connections.")
    for row in found["activity"]:
        labels = {"datname": row["datname"], "state": row["state"]}
        yield Sample("pg_stat_activity_count", row["count"], labels, help="Connections, by state.")
        yield Sample("pg_stat_activity_max_tx_duration", round(float(row["seconds"]), 3), labels,
                     help="Duration of the longest open transaction.")  # fmt: skip
    for row in found["databases"]:
        for name in COUNTERS:
            yield Sample(f"pg_stat_database_{name}", row[name], {"datname": row["datname"]}, "counter")


def sizes(found: list[Mapping[str, Any]]) -> Iterator[Sample]:
    """Yield how large the databases are."""
    for row in found:
        yield Sample(
            "pg_database_size_bytes",
            row["bytes"],
            {"datname": row["datname"]},
            help="Size of the database on disk.",
        )


def statements(found: list[Mapping[str, Any]]) -> Iterator[Sample]:
    """Yield what the slowest statements have taken. The server has put $1 in the place of values; what it left is taken out."""
    for row in found:
        query = masked(row["query"])
        query = query if len(query) <= QUERY else f"{query[: QUERY - 1]}…"
        labels = {"datname": row["datname"], "queryid": row["queryid"], "query": query}
        yield Sample("slipway_pg_statement_seconds_total", round(float(row["seconds"]), 6), labels, "counter",
                     "Total execution time of the statement.")  # fmt: skip
        yield Sample(
            "slipway_pg_statement_calls_total",
            float(row["calls"]),
            labels,
            "counter",
            "Number of executions of the statement.",
        )
