# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How many jobs a worker runs at once, by its command line, on a host with two cores."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._process import concurrency

LINES = {
    "celery -A shop.tasks worker": (2, 1),
    "celery -A shop.tasks worker -c 4": (4, 1),
    "celery -A shop.tasks worker -c4 -l info": (4, 1),
    "celery --app shop.tasks worker --concurrency=8": (8, 1),
    "celery --app shop.tasks worker --concurrency 8": (8, 1),
    "celery -A shop worker --autoscale=10,3": (10, 1),
    "celery -A shop worker -P solo -c 4": (1, 1),
    "celery -A shop worker -P threads -c 4": (1, 4),
    "celery -A shop worker --pool=gevent -c 100": (1, 100),
    "celery -A shop beat": (1, 1),
    "python -m celery -A shop worker -c 3": (3, 1),
    "QUEUE=a celery -A shop worker -c 3": (3, 1),
    "rq worker high low": (1, 1),
    "rq worker-pool -n 3": (3, 1),
    "rq worker-pool high --num-workers 3": (3, 1),
    "dramatiq shop.tasks": (2, 8),
    "dramatiq shop.tasks -p 1 -t 4": (1, 4),
    "dramatiq shop.tasks --processes 2 --threads 3": (2, 3),
    "huey_consumer shop.tasks.huey": (1, 2),
    "huey_consumer.py shop.tasks.huey -w 4 -k process": (5, 1),
    "flask run-bot": (1, 1),
    "$BOT -c 9": (1, 1),
    "an 'open quote": (1, 1),
    "celery -A shop worker -c": (2, 1),
}


@pytest.mark.parametrize(("line", "jobs"), LINES.items())
def test_the_command_line_says_how_many_processes_run_jobs_and_how_many_at_once(
    line: str, jobs: tuple[int, int]
) -> None:
    assert concurrency.of(line, 2) == jobs
