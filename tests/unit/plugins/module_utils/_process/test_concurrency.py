# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How many jobs a worker runs at once, by its command line, on a host with two cores."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._process import concurrency

LINES = {
    "celery -A shop.tasks worker": 2,
    "celery -A shop.tasks worker -c 4": 4,
    "celery -A shop.tasks worker -c4 -l info": 4,
    "celery --app shop.tasks worker --concurrency=8": 8,
    "celery --app shop.tasks worker --concurrency 8": 8,
    "celery -A shop worker --autoscale=10,3": 10,
    "celery -A shop worker -P solo -c 4": 1,
    "celery -A shop beat": 1,
    "python -m celery -A shop worker -c 3": 3,
    "QUEUE=a celery -A shop worker -c 3": 3,
    "rq worker high low": 1,
    "rq worker-pool -n 3": 3,
    "rq worker-pool high --num-workers 3": 3,
    "dramatiq shop.tasks": 16,
    "dramatiq shop.tasks -p 1 -t 4": 4,
    "dramatiq shop.tasks --processes 2 --threads 3": 6,
    "huey_consumer shop.tasks.huey": 2,
    "huey_consumer.py shop.tasks.huey -w 4 -k process": 5,
    "flask run-bot": 1,
    "$BOT -c 9": 1,
    "an 'open quote": 1,
    "celery -A shop worker -c": 2,
}


@pytest.mark.parametrize(("line", "jobs"), LINES.items())
def test_the_command_line_says_how_many_jobs_run_at_once(line: str, jobs: int) -> None:
    assert concurrency.of(line, 2) == jobs
