"""The worker of RQ, which nothing but its own command loads.

rq worker --path . --config rq_jobs --worker-class rq_worker.Worker jobs
"""

from __future__ import annotations

import rq
import rq.job

LOCKED_SECONDS = 10
"""After so long, the lock of a clean-up is of a worker that is gone."""


class Worker(rq.Worker):
    """Takes a job for abandoned after seconds; RQ's own minutes would make a test that nobody waits for."""

    def __init__(self, *args, **kwargs) -> None:  # type: ignore[no-untyped-def]
        super().__init__(*args, **{**kwargs, "maintenance_interval": 3, "job_monitoring_interval": 2})

    def get_heartbeat_ttl(self, job: rq.job.Job, working_time: float = 0.0) -> int:
        return super().get_heartbeat_ttl(job, working_time) - 50

    def clean_registries(self) -> None:
        """Clean up, also after a worker that was killed while it did: RQ leaves that one its lock for 899 seconds."""
        for queue in self.queues:
            if 0 <= self.connection.ttl(queue.registry_cleaning_key) < 899 - LOCKED_SECONDS:
                self.connection.delete(queue.registry_cleaning_key)
        super().clean_registries()
