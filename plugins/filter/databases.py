# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filters about PostgreSQL, MariaDB, Redis and PgBouncer, and the connections to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.slipway.flask.plugins.module_utils._mysql import names as mysql_names
from ansible_collections.slipway.flask.plugins.module_utils._mysql import settings as mysql_settings
from ansible_collections.slipway.flask.plugins.module_utils._pgbouncer import problems as pools
from ansible_collections.slipway.flask.plugins.module_utils._postgres import names as postgres_names
from ansible_collections.slipway.flask.plugins.module_utils._postgres import replica
from ansible_collections.slipway.flask.plugins.module_utils._postgres import settings as postgres_settings
from ansible_collections.slipway.flask.plugins.module_utils._redis import names as redis_names
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import UrlError
from ansible_collections.slipway.flask.plugins.plugin_utils._connection import mysql, postgres, redis
from ansible_collections.slipway.flask.plugins.plugin_utils._connection.mysql import plan as mariadb_server_plan
from ansible_collections.slipway.flask.plugins.plugin_utils._connection.postgres import plan as postgres_client_plan
from ansible_collections.slipway.flask.plugins.plugin_utils._connection.postgres import rewrite_url
from ansible_collections.slipway.flask.plugins.plugin_utils._connection.redis import plan as redis_server_plan
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import standbys


def database_promoted(host: str, variables: Mapping[str, Any]) -> str:
    """Return what is wrong with the inventory for HOST, "" for nothing."""
    return standbys.promoted(host, variables)


def database_replication(host: str, groups: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the primary and the standbys of HOST."""
    return standbys.replication(host, groups, variables)


def mariadb_server_problems(variables: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with VARIABLES (name without the role's prefix -> value) as sentences."""
    found = [
        f"mariadb_server_databases: {fault}" for fault in mysql_names.database_problems(variables.get("databases", []))
    ]
    found += [f"mariadb_server_connections: {fault}" for fault in mysql.problems(variables.get("connections", []))]
    return found + mysql_settings.server_problems(variables)


def pgbouncer_problems(variables: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with VARIABLES (name without the role's prefix -> value) as sentences."""
    return [f"pgbouncer_pools: {fault}" for fault in pools.problems(variables.get("pools", []))]


def postgres_client_problems(connections: Any) -> list[str]:
    """Return what is wrong with CONNECTIONS as sentences."""
    return [f"postgres_client_connections: {fault}" for fault in postgres.problems(connections)]


def postgres_replication_settings(
    settings: Mapping[str, Any], host: str, primary: Mapping[str, Any], standbys: Sequence[Mapping[str, Any]],
    wal_mb: int = replica.WAL_MB, most: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Return SETTINGS with those of replication."""
    found = {**replica.primary_settings(standbys, int(wal_mb)), **settings}
    if not primary:
        return found
    return found | replica.standby_settings(replica.Primary(**primary), host, int(most or 0))


def postgres_server_problems(variables: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with VARIABLES (name without the role's prefix -> value) as sentences."""
    databases = [
        f"postgres_server_databases: {fault}"
        for fault in postgres_names.database_problems(variables.get("databases", []))
    ]
    return databases + postgres_settings.server_problems(variables)


def postgres_url(url: str, scheme: str = "", parameters: dict[str, str] | None = None) -> str:
    """Return URL with SCHEME and further PARAMETERS."""
    try:
        return rewrite_url(url, scheme, parameters)
    except UrlError as error:
        raise AnsibleFilterError(f"slipway.flask.postgres_url: the URL {error}") from None


def redis_server_problems(variables: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with VARIABLES (name without the role's prefix -> value) as sentences."""
    found = [f"redis_server_instances: {fault}" for fault in redis_names.problems(variables.get("instances", []))]
    found += [f"redis_server_connections: {fault}" for fault in redis.problems(variables.get("connections", []))]
    memory = int(variables.get("memory_mb", 0))
    if memory and memory < 128:
        found.append(f"redis_server_memory_mb is {memory}; it must be 0 (the host's memory) or at least 128")
    seconds = int(variables.get("timeout_seconds", 5))
    if not 1 <= seconds <= 60:
        found.append(f"redis_server_timeout_seconds is {seconds}; it must be from 1 to 60")
    return found


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "database_promoted": database_promoted,
            "database_replication": database_replication,
            "mariadb_server_plan": mariadb_server_plan,
            "mariadb_server_problems": mariadb_server_problems,
            "pgbouncer_problems": pgbouncer_problems,
            "postgres_client_plan": postgres_client_plan,
            "postgres_client_problems": postgres_client_problems,
            "postgres_replication_rules": replica.primary_rules,
            "postgres_replication_settings": postgres_replication_settings,
            "postgres_server_problems": postgres_server_problems,
            "postgres_url": postgres_url,
            "redis_server_plan": redis_server_plan,
            "redis_server_problems": redis_server_problems,
        }
