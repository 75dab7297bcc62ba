# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The servers of an app that run beside it in containers of their own, and the URLs that lead the app to them.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from ansible_collections.slipway.flask.plugins.module_utils._python import driver
from ansible_collections.slipway.flask.plugins.plugin_utils._render.model import Server, Volume
from ansible_collections.slipway.flask.plugins.plugin_utils._service import known, postgres, redis

POSTGRES, POSTGRES_PORT = "postgres", 5432
REDIS_PORT = 6379
POSTGRES_FOLDER = "/var/lib/postgresql"
"""What holds the data in every version of the official image (https://hub.docker.com/_/postgres); PGDATA is a folder in it."""
REDIS_FOLDER = "/data"
"""The official image's working folder (https://hub.docker.com/_/redis)."""


def servers(app: Mapping[str, Any], passwords: Mapping[str, str]) -> tuple[Server, ...]:
    """Return the servers of APP, which has all its keys; PASSWORDS are theirs by name."""
    return (*_postgres(app, passwords), *_redis(app, passwords))


def names(app: Mapping[str, Any]) -> list[str]:
    """Return the names of the servers of APP: who needs a password."""
    return [server.name for server in servers(app, {})]


def _postgres(app: Mapping[str, Any], passwords: Mapping[str, str]) -> Iterator[Server]:
    if app["database"] == "local":
        yield Server(
            POSTGRES,
            "postgres",
            POSTGRES_PORT,
            Volume("postgres", POSTGRES_FOLDER, "database"),
            password=passwords.get(POSTGRES, ""),
            settings={
                "database": app["name"],
                "user": app["name"],
                "extensions": tuple(app["database_extensions"]),
            },
        )


def _redis(app: Mapping[str, Any], passwords: Mapping[str, str]) -> Iterator[Server]:
    for one in redis.instances(app):
        name, queue = f"redis-{one['purpose']}", one["purpose"] == "queue"
        yield Server(
            name,
            "redis",
            REDIS_PORT,
            Volume(name, REDIS_FOLDER, "redis") if queue else None,
            int(one["memory_mb"]),
            passwords.get(name, ""),
            {"purpose": one["purpose"], "appendfsync": app["redis_queue_fsync"] if queue else ""},
        )


def variables(app: Mapping[str, Any], made: tuple[Server, ...]) -> dict[str, str]:
    """Return the secret variables by which the app reaches its servers: those MADE here, and all that a URL leads to."""
    found = dict(known.environment(app))
    by_name = {server.name: server for server in made}
    if POSTGRES in by_name:
        found[app["database_variable"]] = _postgres_url(app, by_name[POSTGRES])
    if app["redis"] == "local":
        for variable, (purpose, _) in redis.variables(app).items():
            server = by_name[f"redis-{purpose}"]
            found[variable] = f"redis://:{quote(server.password, safe='')}@{server.name}:{server.port}/0"
    return found


def _postgres_url(app: Mapping[str, Any], server: Server) -> str:
    scheme = app["database_scheme"] or driver.DEFAULT
    who = f"{server.settings['user']}:{quote(server.password, safe='')}"
    return f"{scheme}://{who}@{server.name}:{server.port}/{server.settings['database']}"


def owner_url(app: Mapping[str, Any]) -> str:
    """Return the URL with which migrations run, "" for the app's own."""
    return "" if app["database"] == "local" else postgres.owner_url(app)
