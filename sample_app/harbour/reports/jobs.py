# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a worker does. A job may be done twice, after a crash, and by the release before or after the one that sent it.

So its name and arguments stay what they are, and what it does comes out the same the second time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date

from flask import current_app

from .. import daybook
from . import pdf

Progress = Callable[[int, int], None]


def day_report(day: str) -> bytes:
    """Return the log of a day (ISO 8601) as a PDF; the job's `meta` says how many of its entries are done."""
    from rq import get_current_job

    job = get_current_job()

    def progress(done: int, total: int) -> None:
        if job is not None:
            job.meta.update(done=done, total=total)
            job.save_meta()

    made = make(date.fromisoformat(day), progress)
    if job is not None:
        fields = {"request_id": job.meta.get("request_id", ""), "job_id": job.id}
        current_app.logger.info("Made the report of %s", day, extra={"fields": fields})
    return made


def make(day: date, progress: Progress = lambda done, total: None) -> bytes:
    """Return the log of the day as a PDF, and tell PROGRESS of each entry."""
    entries = daybook.entries(day)
    paper = pdf.Paper(f"Harbour log, {day:%A} {day.day} {day:%B %Y}", current_app.config["RELEASE_ID"])
    progress(0, len(entries))
    for number, entry in enumerate(entries, 1):
        paper.add(entry)
        time.sleep(current_app.config["REPORT_ENTRY_SECONDS"])
        progress(number, len(entries))
    return paper.content()
