# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The queue of jobs in Redis, where there is one: without REDIS_URL the app does without, and says so on its pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask, current_app

if TYPE_CHECKING:
    from rq import Queue
    from rq.job import Job

NAME = "harbour"
ANSWER_SECONDS = 3
"""How long a page waits for Redis before it says that the queue can't be reached."""


def init_app(app: Flask) -> None:
    app.extensions["harbour_queue"] = _connect(app.config["REDIS_URL"])


def _connect(url: str) -> Queue | None:
    if not url:
        return None
    # RQ is loaded only where it is used: it would double the time that the app takes to start.
    from redis import Redis
    from rq import Queue

    return Queue(
        NAME, connection=Redis.from_url(url, socket_connect_timeout=ANSWER_SECONDS, socket_timeout=ANSWER_SECONDS)
    )


def queue() -> Queue | None:
    """The queue, or None where the environment names no Redis. Nothing is asked of it yet."""
    found: Queue | None = current_app.extensions["harbour_queue"]
    return found


def workers(of: Queue) -> int:
    """How many workers take jobs now."""
    from rq import Worker

    return len(Worker.all(queue=of))


def find(of: Queue, job_id: str) -> Job | None:
    """The job of that id, as long as Redis has it."""
    return of.fetch_job(job_id)


def work(burst: bool = False) -> None:
    """Do jobs until SIGTERM comes; the job that is under way then is finished first.

    :param burst: end when there is no job any more.
    :raises RuntimeError: when the environment names no Redis.
    """
    found = queue()
    if found is None:
        raise RuntimeError("REDIS_URL is not set")
    from rq import Worker

    Worker([found], connection=found.connection).work(burst=burst, logging_level="WARNING")
