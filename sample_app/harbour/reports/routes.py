# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The addresses of a day's report. Its page shows how far it is, and asks again each second: no script is needed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

from flask import Response, abort, current_app, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm

from .. import queue
from ..board.routes import day_or_404
from ..errors import page
from . import bp

if TYPE_CHECKING:
    from rq.job import Job

JOB = "harbour.reports.jobs.day_report"
KEPT_SECONDS = 3600
"""How long Redis keeps a report, and what is known of one that failed."""
LONGEST_SECONDS = 300
TRIES = 3
"""How often a report is begun when its worker dies with it."""


def asks_queue(view: Callable[[date], ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Give the view its day, and explain a queue that can't be reached."""

    @functools.wraps(view)
    def answer(day: str) -> ResponseReturnValue:
        wanted = day_or_404(day)
        if queue.queue() is None:
            return render_template("reports/day.html", day=wanted, state="none", form=FlaskForm())
        from redis.exceptions import RedisError

        try:
            return view(wanted)
        except RedisError as error:
            current_app.logger.error("The queue cannot be used", exc_info=error)
            body, code = page(503, "The queue of reports cannot be reached just now. Please try again in a minute.")
            return body, code, {"Retry-After": "30"}

    return answer


@bp.post("/<day>")
@asks_queue
def order(day: date) -> ResponseReturnValue:
    """Have the report made, unless it is being made: however many ask, the queue holds one job for each day."""
    from rq import Retry

    jobs = queue.queue()
    assert jobs is not None  # noqa: S101  asks_queue has looked
    job = queue.find(jobs, job_id(day))
    if job is None or not (job.is_queued or job.is_started):
        # Sent by name and with plain arguments: the release before or after this one may do it.
        jobs.enqueue(
            JOB,
            day.isoformat(),
            job_id=job_id(day),
            job_timeout=LONGEST_SECONDS,
            result_ttl=KEPT_SECONDS,
            failure_ttl=KEPT_SECONDS,
            retry=Retry(max=TRIES - 1),
            meta={"request_id": g.request_id},  # for the lines that the job logs
        )
    return redirect(url_for(".show", day=day), 303)


@bp.get("/<day>")
@asks_queue
def show(day: date) -> ResponseReturnValue:
    jobs = queue.queue()
    assert jobs is not None  # noqa: S101
    job = queue.find(jobs, job_id(day))
    state = state_of(job)
    shown = render_template(
        "reports/day.html", day=day, state=state, job=job, workers=queue.workers(jobs), form=FlaskForm()
    )
    return shown, {"Refresh": "1"} if state in ("queued", "started") else {}


@bp.get("/<day>.pdf")
@asks_queue
def download(day: date) -> ResponseReturnValue:
    jobs = queue.queue()
    assert jobs is not None  # noqa: S101
    job = queue.find(jobs, job_id(day))
    content = job.return_value() if job is not None else None
    if not isinstance(content, bytes):
        abort(404)
    headers = {"Content-Disposition": f'attachment; filename="harbour-{day}.pdf"', "Cache-Control": "private, no-cache"}
    return Response(content, mimetype="application/pdf", headers=headers)


def job_id(day: date) -> str:
    return f"day-{day}"


def state_of(job: Job | None) -> str:
    """The job's state in one word of this page: absent, queued, started, finished or failed."""
    if job is None:
        return "absent"
    state = job.get_status(refresh=False).value
    return state if state in ("started", "finished", "failed") else "queued"
