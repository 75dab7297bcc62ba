"""An app that sends jobs: its visitors name them, by Celery or by RQ, and what they did is in the database."""

from __future__ import annotations

import celery_jobs
import rq
import rq_jobs
import store
from flask import Flask, Response, jsonify, request

app = Flask(__name__)


@app.get("/")
def index() -> Response:
    return jsonify(release=store.RELEASE)


@app.post("/jobs")
def send() -> tuple[str, int]:
    """Send the named jobs, one for each line; an answer of 202 says that the queue has them all."""
    names, seconds = request.form["jobs"].split(), float(request.form["seconds"])
    if request.form["queue"] == "rq":
        one = rq_jobs.queue()
        for name in names:
            one.enqueue(store.work, name, seconds, job_id=name, result_ttl=0, retry=rq.Retry(max=5))
    else:
        for name in names:
            celery_jobs.work.delay(name, seconds)
    return store.RELEASE, 202


@app.after_request
def _release(response: Response) -> Response:
    response.headers["X-Release"] = store.RELEASE
    return response


@app.cli.command("tables")
def tables() -> None:
    store.tables()
