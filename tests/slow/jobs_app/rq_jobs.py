"""The same jobs by RQ: one whose worker is gone is begun again by another worker, as it has retries.

rq worker --config rq_jobs --worker-class rq_jobs.Worker jobs        rq cron --config rq_jobs rq_ticks
"""

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


class Worker(rq.Worker):
    """Takes a job for abandoned after seconds; RQ's own minutes would make a test that nobody waits for."""

    def __init__(self, *args, **kwargs) -> None:  # type: ignore[no-untyped-def]
        super().__init__(*args, **{**kwargs, "maintenance_interval": 3, "job_monitoring_interval": 2})

    def get_heartbeat_ttl(self, job: rq.job.Job, working_time: float = 0.0) -> int:
        return super().get_heartbeat_ttl(job, working_time) - 50


def queue() -> rq.Queue:
    return rq.Queue("jobs", connection=Redis.from_url(REDIS_URL, **PATIENT))


def tick() -> None:
    job = rq.get_current_job()
    store.tick("rq", store.TICK_SECONDS, job.enqueued_at.timestamp(), job.meta["sender"])
