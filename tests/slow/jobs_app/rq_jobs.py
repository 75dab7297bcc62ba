"""The same jobs by RQ: one whose worker is gone is begun again by another worker, as it has retries."""

from __future__ import annotations

import os

import rq
import store
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import BusyLoadingError, ConnectionError, TimeoutError
from redis.retry import Retry

REDIS_URL = os.environ.get("REDIS_URL", "")
PATIENT = {
    "retry": Retry(ConstantBackoff(0.2), 100),
    "retry_on_error": [BusyLoadingError, ConnectionError, TimeoutError],
}


def queue() -> rq.Queue:
    return rq.Queue("jobs", connection=Redis.from_url(REDIS_URL, **PATIENT))


def tick() -> None:
    job = rq.get_current_job()
    store.tick("rq", store.TICK_SECONDS, job.enqueued_at.timestamp(), job.meta["sender"])
