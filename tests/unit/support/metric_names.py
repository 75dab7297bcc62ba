# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The series that a host measures, by name: what the page, Grafana's dashboard and the alerts may ask for."""

from __future__ import annotations

NODE = """
    node_boot_time_seconds node_cpu_seconds_total node_disk_io_time_seconds_total node_filesystem_avail_bytes
    node_filesystem_files node_filesystem_files_free node_filesystem_readonly node_filesystem_size_bytes node_load1
    node_memory_MemAvailable_bytes node_memory_MemTotal_bytes node_timex_sync_status
"""
"""Of the node exporter, those that are asked for: the rest of them is its own list."""
PROMETHEUS = "ALERTS ALERTS_FOR_STATE up"
OURS = """
    slipway_archive_waiting_seconds slipway_backup_failed slipway_backup_last_success_timestamp_seconds
    slipway_certificate_not_after_timestamp_seconds slipway_collector_up slipway_collector_seconds
    slipway_drill_failed slipway_drill_last_success_timestamp_seconds
    slipway_gunicorn_backlog slipway_gunicorn_threads slipway_gunicorn_threads_busy slipway_gunicorn_workers
    slipway_gunicorn_worker_oldest_seconds slipway_gunicorn_worker_restarts_total slipway_gunicorn_worker_timeouts_total
    slipway_http_client_aborted_total slipway_http_request_duration_seconds_bucket
    slipway_http_request_duration_seconds_count slipway_http_request_duration_seconds_sum slipway_http_requests_total
    slipway_http_response_bytes_total slipway_http_route_duration_seconds_count slipway_http_route_duration_seconds_sum
    slipway_http_route_requests_total slipway_http_static_requests_total
    slipway_pg_statement_calls_total slipway_pg_statement_seconds_total
    slipway_process_cpu_seconds_total slipway_process_memory_bytes slipway_process_memory_max_bytes
    slipway_process_open_files slipway_process_open_files_max slipway_process_restarts_total slipway_process_up
    slipway_process_wanted slipway_queue_jobs slipway_queue_oldest_seconds slipway_reboot_required
    slipway_release_deployed_timestamp_seconds slipway_release_event_seconds slipway_release_event_timestamp_seconds
    slipway_release_info slipway_site_closed_timestamp_seconds slipway_site_problem slipway_site_seconds slipway_site_up
    slipway_standby_behind_bytes slipway_standby_up
    slipway_timer_failed
    slipway_timer_last_success_timestamp_seconds
"""
POSTGRES = """
    pg_database_size_bytes pg_replication_is_replica pg_replication_lag_seconds
    pg_settings_max_connections pg_stat_activity_count pg_stat_activity_max_tx_duration
    pg_stat_database_blks_hit pg_stat_database_blks_read pg_stat_database_deadlocks pg_stat_database_temp_bytes
    pg_stat_database_xact_commit pg_stat_database_xact_rollback pg_up
"""
MYSQL = """
    mysql_global_status_aborted_connects mysql_global_status_commands_total mysql_global_status_innodb_buffer_pool_read_requests
    mysql_global_status_innodb_buffer_pool_reads mysql_global_status_innodb_deadlocks mysql_global_status_innodb_row_lock_waits
    mysql_global_status_max_used_connections mysql_global_status_queries mysql_global_status_slow_queries
    mysql_global_status_threads_connected mysql_global_status_threads_running mysql_global_status_uptime
    mysql_global_variables_max_connections mysql_up slipway_mysql_database_size_bytes
"""
REDIS = """
    redis_commands_processed_total redis_connected_clients redis_evicted_keys_total redis_memory_max_bytes
    redis_memory_used_bytes redis_up
"""
KNOWN = {name for names in (NODE, PROMETHEUS, OURS, POSTGRES, MYSQL, REDIS) for name in names.split()}
