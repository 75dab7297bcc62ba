# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a PostgreSQL server is asked of a database: one SELECT of one JSON value each, for versions 14 to 18.

Sources: PostgreSQL manual, 28.2 (the statistics views), F.32 (pg_stat_statements), 53 (pg_stats, pg_locks), 73.6 (how rows
lie in a page). PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

LARGE = 1024 * 1024
"""Bytes from which a table or index is worth a word."""

FACTS = """
SELECT json_build_object(
  'database', datname, 'version', current_setting('server_version'), 'size', pg_database_size(datname),
  'hit', blks_hit, 'read', blks_read, 'since', stats_reset, 'connections', numbackends - 1,
  'autovacuum', current_setting('autovacuum') = 'on' AND current_setting('track_counts') = 'on',
  'age', (SELECT age(datfrozenxid) FROM pg_database d WHERE d.datname = s.datname),
  'freeze_age', current_setting('autovacuum_freeze_max_age')::int,
  'sees_all', pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'))
FROM pg_stat_database s WHERE datname = current_database();
"""

SCHEMA = """
SELECT json_build_object('schema', (SELECT quote_ident(nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace
                                    WHERE extname = 'pg_stat_statements'));
"""

STATEMENTS = """
WITH s AS (
  SELECT calls, round(total_exec_time::numeric, 1) AS total, round(mean_exec_time::numeric, 2) AS mean, rows, query,
         sum(total_exec_time) OVER () AS everything
  FROM {schema}.pg_stat_statements
  WHERE dbid = (SELECT oid FROM pg_database WHERE datname = {database}) AND userid <> 10)
SELECT json_build_object(
  'since', (SELECT stats_reset FROM {schema}.pg_stat_statements_info),
  'everything', (SELECT round(max(everything)::numeric, 1) FROM s),
  'total', (SELECT coalesce(json_agg(t), '[]') FROM (SELECT * FROM s ORDER BY total DESC LIMIT {limit}) t),
  'mean', (SELECT coalesce(json_agg(t), '[]') FROM (SELECT * FROM s ORDER BY mean DESC LIMIT {limit}) t),
  'calls', (SELECT coalesce(json_agg(t), '[]') FROM (SELECT * FROM s ORDER BY calls DESC LIMIT {limit}) t));
"""
"""Without those of the superuser (whose number is 10): dumps, and what is asked here."""

RESET = "SELECT {schema}.pg_stat_statements_reset(0, (SELECT oid FROM pg_database WHERE datname = {database}), 0);"

SCANS = """
SELECT coalesce(json_agg(t), '[]') FROM (
  SELECT relid::regclass::text AS name, seq_scan AS scans, seq_tup_read / seq_scan AS rows, coalesce(idx_scan, 0) AS by_index,
         pg_table_size(relid) AS size
  FROM pg_stat_user_tables
  WHERE seq_scan >= 10 AND seq_tup_read / seq_scan >= 1000 AND pg_table_size(relid) >= {large}
  ORDER BY seq_tup_read DESC LIMIT {limit}) t;
"""

INDEXES = """
SELECT coalesce(json_agg(t), '[]') FROM (
  SELECT indexrelid::regclass::text AS name, relid::regclass::text AS of, pg_relation_size(indexrelid) AS size,
         indisvalid AS valid
  FROM pg_stat_user_indexes JOIN pg_index USING (indexrelid)
  WHERE NOT indisvalid OR (idx_scan = 0 AND NOT indisunique AND NOT indisexclusion
                           AND pg_relation_size(indexrelid) >= {large})
  ORDER BY indisvalid, size DESC LIMIT {limit}) t;
"""

BLOAT = """
WITH width AS (
  SELECT schemaname, tablename, sum((1 - null_frac) * avg_width) AS bytes FROM pg_stats WHERE NOT inherited GROUP BY 1, 2),
  tables AS (
  SELECT c.oid::regclass::text AS name, relpages::bigint * current_setting('block_size')::int AS size,
         ceil(reltuples * (28 + ceil(bytes / 8) * 8) * 100
              / ((current_setting('block_size')::int - 24) * coalesce((
                  SELECT option_value::int FROM pg_options_to_table(reloptions) WHERE option_name = 'fillfactor'), 100)))
           * current_setting('block_size')::int AS needed
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace JOIN width ON schemaname = nspname AND tablename = relname
  WHERE relkind IN ('r', 'm') AND reltuples >= 0 AND nspname NOT IN ('pg_catalog', 'information_schema'))
SELECT coalesce(json_agg(t), '[]') FROM (
  SELECT name, size, (size - needed)::bigint AS wasted FROM tables
  WHERE size >= {large} AND size - needed >= 0.2 * size ORDER BY wasted DESC LIMIT {limit}) t;
"""
"""Pages that a table has, against those that its rows would fill: each row takes 24 bytes of head and 4 of pointer (73.6)."""

TRANSACTIONS = """
SELECT coalesce(json_agg(t), '[]') FROM (
  SELECT pid, usename AS role, state, round(extract(epoch FROM now() - xact_start)) AS seconds, query
  FROM pg_stat_activity
  WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
    AND backend_type = 'client backend'
  ORDER BY xact_start LIMIT {limit}) t;
"""

LOCKS = """
SELECT coalesce(json_agg(t), '[]') FROM (
  SELECT w.pid, round(extract(epoch FROM now() - coalesce(l.waitstart, w.query_start))) AS seconds, w.query,
         l.mode, l.relation::regclass::text AS name, b.pid AS by, b.usename AS by_role, b.state AS by_state,
         round(extract(epoch FROM now() - b.xact_start)) AS by_seconds, b.query AS by_query
  FROM pg_stat_activity w
  CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS blocking(pid)
  LEFT JOIN pg_stat_activity b ON b.pid = blocking.pid
  LEFT JOIN LATERAL (SELECT waitstart, mode, relation FROM pg_locks WHERE NOT granted AND pid = w.pid LIMIT 1) l ON true
  WHERE w.datname = current_database()
  ORDER BY seconds DESC LIMIT {limit}) t;
"""

VACUUM = """
SELECT coalesce(json_agg(t), '[]') FROM (
  SELECT relid::regclass::text AS name, n_live_tup AS live, n_dead_tup AS dead,
         greatest(last_vacuum, last_autovacuum) AS vacuumed, greatest(last_analyze, last_autoanalyze) AS analysed,
         n_dead_tup > current_setting('autovacuum_vacuum_threshold')::int
                      + current_setting('autovacuum_vacuum_scale_factor')::float * greatest(reltuples, 0) AS due,
         coalesce('autovacuum_enabled=false' = ANY (reloptions) OR 'autovacuum_enabled=off' = ANY (reloptions), false) AS off,
         EXISTS (SELECT FROM pg_stat_progress_vacuum v WHERE v.relid = s.relid AND v.datname = current_database()) AS running
  FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = relid
  WHERE n_dead_tup >= 1000 OR (n_live_tup >= 1000 AND coalesce(last_analyze, last_autoanalyze) IS NULL)
  ORDER BY n_dead_tup DESC LIMIT {limit}) t;
"""

SECTIONS = {"scans": SCANS, "indexes": INDEXES, "bloat": BLOAT, "transactions": TRANSACTIONS, "locks": LOCKS,
            "vacuum": VACUUM}  # fmt: skip
