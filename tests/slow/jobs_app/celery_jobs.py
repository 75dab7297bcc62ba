"""The same jobs by Celery: acknowledged when they have ended, and sent again when their worker is gone.

celery -A celery_jobs worker        celery -A celery_jobs beat -s $STATE_DIRECTORY/beat
"""

from __future__ import annotations

import os
import time

import store
from celery import Celery
from celery.schedules import schedule
from celery.signals import before_task_publish

GONE_SECONDS = 20
"""After so long without an acknowledgement a job is sent again; the longest takes less."""
app = Celery("jobs", broker=os.environ.get("CELERY_BROKER_URL"))
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    broker_connection_retry_on_startup=True,
    task_publish_retry_policy={"max_retries": 100, "interval_start": 0.1, "interval_step": 0.1, "interval_max": 0.5},
    broker_transport_options={
        "visibility_timeout": GONE_SECONDS,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        "unacked_mutex_expire": 5,
    },
    beat_sync_every=1,  # a beat that is killed must not send its last tick again
)


class Slots(schedule):
    """Once in each store.TICK_SECONDS of the clock: one that was missed is sent as soon as beat is there again."""

    def is_due(self, last_run_at):  # type: ignore[no-untyped-def]
        now = time.time()
        slot = now // store.TICK_SECONDS
        return last_run_at.timestamp() // store.TICK_SECONDS < slot, (slot + 1) * store.TICK_SECONDS - now + 0.01


app.conf.beat_schedule = {"tick": {"task": "celery_jobs.tick", "schedule": Slots(store.TICK_SECONDS)}}


@before_task_publish.connect
def _stamp(headers, **_):  # type: ignore[no-untyped-def]
    headers.update(sent=time.time(), sender=store.RELEASE)


@app.task
def work(job: str, seconds: float) -> None:
    store.work(job, seconds)


@app.task(bind=True)
def tick(self) -> None:  # type: ignore[no-untyped-def]
    store.tick("beat", store.TICK_SECONDS, self.request.get("sent"), self.request.get("sender"))
