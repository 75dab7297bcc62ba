# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The apps' own instances of Redis on the host, under the names of redis_exporter.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import Config
from ansible_collections.slipway.flask.plugins.module_utils._metrics.sample import Sample
from ansible_collections.slipway.flask.plugins.module_utils._redis.client import Client, NotRedis, ServerError
from ansible_collections.slipway.flask.plugins.module_utils._redis.url import RedisUrl

SECONDS = 2.0
ERRORS = (OSError, EOFError, ServerError, NotRedis, ValueError)
"""What a Redis that does not answer as one raises."""
FIELDS = {
    "used_memory": ("redis_memory_used_bytes", "gauge"),
    "maxmemory": ("redis_memory_max_bytes", "gauge"),
    "connected_clients": ("redis_connected_clients", "gauge"),
    "total_commands_processed": ("redis_commands_processed_total", "counter"),
    "evicted_keys": ("redis_evicted_keys_total", "counter"),
}
"""Of INFO -> name and kind."""


class Redis:
    """A part of the collector."""

    name = "redis"
    every = 15.0

    def __init__(self, config: Config) -> None:
        self.config = config

    def samples(self, now: float) -> Iterator[Sample]:
        for app in self.config.apps:
            for purpose, socket in app.redis.items():
                labels = {"app": app.name, "purpose": purpose}
                found = info(socket)
                yield Sample("redis_up", float(bool(found)), labels, help="Whether the app's Redis answers.")
                for field, (name, kind) in FIELDS.items():
                    if found.get(field, "").isdigit():
                        yield Sample(name, int(found[field]), labels, kind)


def connect(socket: str) -> Client:
    """Return a connection to the Redis at a SOCKET. Raises one of ERRORS."""
    return Client(RedisUrl("unix", path=socket), SECONDS)


def info(socket: str) -> dict[str, str]:
    """Return what the Redis at a SOCKET tells of itself, {} when it doesn't."""
    try:
        with closing(connect(socket)) as client:
            rows = client.ask("INFO").splitlines()
    except ERRORS:
        return {}
    return dict(row.split(":", 1) for row in rows if ":" in row)
