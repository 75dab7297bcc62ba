# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How long the apps' queues are and how long their oldest job has been waiting, as far as a queue in Redis can be asked.

Those of RQ, Celery, Dramatiq and arq are known. RQ, Dramatiq and arq write down when a job came. Celery does not: there it
is how long the job at the head has been seen there, which is never more than the truth.
Sources: rq/queue.py and rq/job.py; kombu/transport/redis.py; dramatiq/brokers/redis; arq/connections.py.
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from ansible_collections.slipway.flask.plugins.module_utils._metrics import redis
from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import Config
from ansible_collections.slipway.flask.plugins.module_utils._metrics.sample import Sample
from ansible_collections.slipway.flask.plugins.module_utils._metrics.turnover import Turnover
from ansible_collections.slipway.flask.plugins.module_utils._redis.client import Client, ServerError

MOST_QUEUES = 32
"""Of one app: their names are the app's."""
MOST_NAMES = 64
"""Of one app within three hours."""
LONGEST_NAME = 200
"""Characters of a name that are kept, which is more than are told."""
ERRORS = (*redis.ERRORS, ArithmeticError, RecursionError)
"""What looking at queues raises: numbers and JSON in them are the app's as well."""
SEPARATOR = "\x06\x16"
"""Between the words of a binding of kombu."""


@dataclass(frozen=True)
class Queue:
    """One queue: its NAME, how many JOBS wait, and since when (seconds of Unix) the oldest of them does; 0: not known.

    HEAD is the job at the head, where nothing says since when it waits.
    """

    name: str
    jobs: int
    since: float = 0.0
    head: str = ""


class Queues:
    """A part of the collector."""

    name = "queues"
    every = 15.0

    def __init__(self, config: Config) -> None:
        self.config = config
        self.heads: dict[tuple[str, str], tuple[str, float]] = {}
        self.turnovers = {app.name: Turnover(MOST_NAMES) for app in config.apps}

    def samples(self, now: float) -> Iterator[Sample]:
        for app in self.config.apps:
            socket = app.redis.get("queue")
            found = look(socket) if socket else []
            if found:
                self._forget(app.name, {queue.name for queue in found})
            turnover = self.turnovers[app.name]
            turnover.begin(now)
            for queue in found:
                if not turnover.admits(queue.name, now):
                    continue
                labels = {"app": app.name, "queue": queue.name}
                since = queue.since or self._seen(app.name, queue, now)
                yield Sample("slipway_queue_jobs", queue.jobs, labels, help="Number of waiting jobs.")
                yield Sample("slipway_queue_oldest_seconds", max(0.0, round(now - since, 1)) if queue.jobs else 0, labels,
                             help="Waiting time of the oldest job.")  # fmt: skip

    def _forget(self, app: str, names: set[str]) -> None:
        """Drop what is known of an APP's queues but for those with NAMES: it can make up new ones without an end."""
        self.heads = {key: head for key, head in self.heads.items() if key[0] != app or key[1] in names}

    def _seen(self, app: str, queue: Queue, now: float) -> float:
        """Return since when the job at the head of QUEUE has been seen there."""
        head, since = self.heads.get((app, queue.name), ("", now))
        if queue.head != head:
            since = now
            self.heads[app, queue.name] = (queue.head, now)
        return since


def look(socket: str) -> list[Queue]:
    """Return the queues in the Redis at a SOCKET; none when it does not answer, which `redis_up` tells."""
    try:
        with closing(redis.connect(socket)) as client:
            found = [queue for library in LIBRARIES for queue in library(client)][:MOST_QUEUES]
            return [replace(queue, name=queue.name[:LONGEST_NAME]) for queue in found]
    except ERRORS:
        return []


def of_rq(client: Client) -> Iterator[Queue]:
    """Yield the queues of RQ: a list of jobs' ids each, the oldest first, and a hash for each job."""
    for key in members(client, "rq:queues"):
        jobs, since = length(client, key), 0.0
        if jobs:
            job = client.ask("LINDEX", key, "0")
            since = timestamp(client.ask("HGET", f"rq:job:{job}", "enqueued_at"))
        yield Queue(key.removeprefix("rq:queue:"), jobs, since)


def of_celery(client: Client) -> Iterator[Queue]:
    """Yield the queues of Celery: kombu's lists, in which the oldest message is the last one."""
    bindings = [
        key
        for key in keys(client, "_kombu.binding.*", "_kombu.binding.celery")
        if not key.endswith((".pidbox", ".celeryev"))
    ]
    found = {binding.split(SEPARATOR)[-1] for key in bindings for binding in members(client, key)}
    for name in sorted(filter(None, found)):
        jobs = length(client, name)
        message = client.ask("LINDEX", name, "-1") if jobs else ""
        yield Queue(name, jobs, head=hashlib.sha256(message.encode()).hexdigest() if jobs else "")


def of_dramatiq(client: Client) -> Iterator[Queue]:
    """Yield the queues of Dramatiq: a list of messages' ids each, and a hash with the messages."""
    for key in keys(client, "dramatiq:*.msgs", "dramatiq:default.msgs"):
        queue = key.removesuffix(".msgs")
        if queue.endswith((".DQ", ".XQ")):  # those of delayed and of dead messages
            continue
        jobs, since = length(client, queue), 0.0
        if jobs:
            message = client.ask("HGET", key, client.ask("LINDEX", queue, "0"))
            try:
                since = float(json.loads(message)["message_timestamp"]) / 1000
            except (ValueError, KeyError, TypeError):
                since = 0.0
        yield Queue(queue.removeprefix("dramatiq:"), jobs, since)


def of_arq(client: Client) -> Iterator[Queue]:
    """Yield the queues of arq: a sorted set each, in which a job's score is when it is due, in milliseconds."""
    for key in keys(client, "arq:queue*", "arq:queue"):
        if client.ask("TYPE", key) == "zset":
            jobs = client.ask("ZCARD", key)
            first = client.ask_list("ZRANGE", key, "0", "0", "WITHSCORES")
            since = float(first[1]) / 1000 if len(first) == 2 else 0.0
            yield Queue(key.removeprefix("arq:"), int(jobs), since)


LIBRARIES: tuple[Callable[[Client], Iterator[Queue]], ...] = (of_rq, of_celery, of_dramatiq, of_arq)


def keys(client: Client, pattern: str, usual: str) -> list[str]:
    """Return the USUAL key and others like PATTERN, as far as a SCAN over ten thousand keys finds them: KEYS would hold up all."""
    found = [usual] if client.ask("EXISTS", usual) == "1" else []
    cursor = "0"
    for _ in range(10):
        cursor, *some = client.ask_list("SCAN", cursor, "MATCH", pattern, "COUNT", "1000")
        found += some
        if cursor == "0" or len(found) >= MOST_QUEUES:
            break
    return sorted(set(found))[:MOST_QUEUES]


def members(client: Client, key: str) -> list[str]:
    """Return the members of a set, sorted and bounded."""
    return sorted(client.ask_list("SRANDMEMBER", key, str(MOST_QUEUES)))


def length(client: Client, key: str) -> int:
    """Return the length of a list, 0 for what is none."""
    try:
        return int(client.ask("LLEN", key))
    except (ServerError, ValueError):
        return 0


def timestamp(text: str) -> float:
    """Return a time that RQ has written (ISO 8601, UTC), 0 for what is none."""
    try:
        at = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        return 0.0
    return (at if at.tzinfo else at.replace(tzinfo=timezone.utc)).timestamp()
