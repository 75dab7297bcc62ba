# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The day's report, with and without a queue, and the nightly summary. The queue's Redis is an imitation in memory."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone

import fakeredis
import pytest
import redis
from conftest import HTTPS, log_arrival, token
from flask import Flask
from flask.testing import FlaskClient
from rq import Queue, SimpleWorker
from rq.worker import BaseWorker
from sqlalchemy import select

from harbour import queue
from harbour.cli import FLEET
from harbour.daybook import Entry
from harbour.extensions import db
from harbour.models import Summary
from harbour.reports import pdf

TODAY = datetime.now(timezone.utc).date()
PAGE = f"/reports/{TODAY}"


def order(client: FlaskClient, day: date = TODAY) -> str:
    """Order a report as the board's button does, and return where that leads."""
    answer = client.post(f"/reports/{day}", data={"csrf_token": token(client)}, **HTTPS)
    assert answer.status_code == 303
    return answer.headers["Location"]


@pytest.fixture
def jobs(app: Flask) -> Iterator[Queue]:
    """The app's queue, as if REDIS_URL were set."""
    app.extensions["harbour_queue"] = Queue(queue.NAME, connection=fakeredis.FakeRedis())
    yield app.extensions["harbour_queue"]


@pytest.fixture
def worker(app: Flask, jobs: Queue) -> BaseWorker:
    return SimpleWorker([jobs], connection=jobs.connection)


@pytest.fixture
def work(app: Flask, worker: BaseWorker) -> Callable[[], None]:
    """Does what is in the queue, in this process."""

    def run() -> None:
        with app.app_context():
            worker.work(burst=True, logging_level="ERROR")

    return run


def text_of(content: bytes) -> str:
    """What a PDF of ours has on its pages."""
    streams = re.findall(rb"stream\n(.*?)\nendstream", content, re.DOTALL)
    shown = b"".join(zlib.decompress(stream) for stream in streams).decode("cp1252")
    return "\n".join(re.sub(r"\\([()\\])", r"\1", text) for text in re.findall(r"\((.*)\) Tj", shown))


# ---- without a queue ---------------------------------------------------------------------------------------------


def test_without_a_queue_the_page_says_that_no_worker_runs(client: FlaskClient) -> None:
    assert "No worker runs here" in client.get("/", **HTTPS).text
    assert "Make a PDF" not in client.get("/", **HTTPS).text
    assert "REDIS_URL" in client.get(PAGE, **HTTPS).text
    assert client.get(f"{PAGE}.pdf", **HTTPS).status_code == 200, "the same page"


def test_without_a_queue_a_worker_says_what_is_missing(app: Flask) -> None:
    done = app.test_cli_runner().invoke(args=["worker"])
    assert (done.exit_code, done.output) == (1, "Error: REDIS_URL is not set: there is no queue to take jobs from.\n")


def test_a_queue_that_cannot_be_reached_is_explained(app: Flask, client: FlaskClient) -> None:
    gone = redis.Redis(unix_socket_path="/nowhere/redis.sock")
    app.extensions["harbour_queue"] = Queue(queue.NAME, connection=gone)
    answer = client.get(PAGE, **HTTPS)
    assert answer.status_code == 503
    assert "The queue of reports cannot be reached" in answer.text
    assert client.get("/", **HTTPS).status_code == 200, "the board needs no queue"


# ---- a report ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("jobs")
def test_report_waits_for_a_worker(client: FlaskClient) -> None:
    assert "Make the report" in client.get(PAGE, **HTTPS).text
    assert order(client) == PAGE
    page = client.get(PAGE, **HTTPS)
    assert "Waiting for a worker" in page.text
    assert "No worker runs. The report is made as soon as one does." in page.text
    assert page.headers["Refresh"] == "1"
    assert client.get(f"{PAGE}.pdf", **HTTPS).status_code == 404


def test_page_shows_how_far_the_worker_is(client: FlaskClient, jobs: Queue, worker: BaseWorker) -> None:
    order(client)
    worker.register_birth()
    assert "as soon as a worker is free" in client.get(PAGE, **HTTPS).text
    job = jobs.fetch_job(f"day-{TODAY}")
    assert job is not None
    worker.prepare_execution(job)
    worker.prepare_job_execution(job)
    job.meta.update(done=3, total=7)
    job.save_meta()
    page = client.get(PAGE, **HTTPS)
    assert '<progress class="report__bar" value="3" max="7"' in page.text
    assert page.headers["Refresh"] == "1"


def test_what_a_job_logs_has_the_id_of_the_request_that_queued_it(
    client: FlaskClient, work: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = {**HTTPS, "headers": {**HTTPS["headers"], "X-Request-ID": "of-the-visitor"}}
    answer = client.post(PAGE, data={"csrf_token": token(client)}, **asked)
    assert answer.status_code == 303
    work()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    told = next(line for line in lines if line["message"] == f"Made the report of {TODAY}")
    assert (told["request_id"], told["job_id"]) == ("of-the-visitor", f"day-{TODAY}")


def test_worker_makes_the_report_of_the_day(client: FlaskClient, work: Callable[[], None]) -> None:
    log_arrival(client, name="Santa (Isabel) \\ II", origin="Gdańsk", cargo="Cork & wine")
    order(client)
    work()
    page = client.get(PAGE, **HTTPS)
    assert "It is ready" in page.text
    assert "1 entries" not in page.text
    assert "Refresh" not in page.headers
    report = client.get(f"{PAGE}.pdf", **HTTPS)
    assert report.content_type == "application/pdf"
    assert f'filename="harbour-{TODAY}.pdf"' in report.headers["Content-Disposition"]
    text = text_of(report.data)
    assert "Santa (Isabel) \\ II (GB)" in text
    assert "from Gdansk · Cork & wine" in text, "the font has no ń"
    assert "release r42" in text


def test_report_that_is_waiting_is_not_ordered_twice(client: FlaskClient, jobs: Queue) -> None:
    assert order(client) == order(client) == PAGE
    assert len(jobs) == 1
    order(client, TODAY - timedelta(days=1))
    assert len(jobs) == 2


def test_report_that_is_ready_can_be_made_again(client: FlaskClient, work: Callable[[], None]) -> None:
    order(client)
    work()
    assert "Still water" in text_of(client.get(f"{PAGE}.pdf", **HTTPS).data)
    log_arrival(client)
    order(client)
    assert "Waiting for a worker" in client.get(PAGE, **HTTPS).text
    work()
    assert "Grace Darling" in text_of(client.get(f"{PAGE}.pdf", **HTTPS).data)


def test_report_that_fails_can_be_tried_again(
    client: FlaskClient, work: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("harbour.daybook.entries", lambda day: 1 / 0)
        order(client)
        work()
    assert "It could not be made" in client.get(PAGE, **HTTPS).text
    order(client)
    work()
    assert "It is ready" in client.get(PAGE, **HTTPS).text


@pytest.mark.parametrize("day", ["tomorrow", "0001-01-01", "2026-02-30"])
def test_no_report_of_what_is_no_day(client: FlaskClient, day: str) -> None:
    assert client.get(f"/reports/{day}", **HTTPS).status_code == 404


def test_long_day_goes_over_several_pages() -> None:
    paper = pdf.Paper("Harbour log")
    for _ in range(60):
        paper.add(Entry("12:00", "Arrival", "A" * 60, "NO", "from " + "B" * 60, "North Quay 1", "C" * 120))
    content = paper.content()
    assert content.startswith(b"%PDF-")
    assert content.count(b"/Type /Page/") == 3
    assert "Page 3 of 3 · 60 entries" in text_of(content)


# ---- the summary -------------------------------------------------------------------------------------------------


def test_summary_is_written_by_a_command_and_shown_on_the_board(app: Flask, client: FlaskClient) -> None:
    assert "No summary yet" in client.get("/", **HTTPS).text
    log_arrival(client)
    log_arrival(client, name="Tern")
    done = app.test_cli_runner().invoke(args=["summary", "--day", str(TODAY)])
    assert done.output == f"{TODAY}: 2 arrivals, 0 departures, 2 ships in port.\n"
    assert "2 arrivals, 0 departures, 2 ships in port" in client.get("/", **HTTPS).text


def test_summary_of_a_day_is_written_once_however_often_it_is_made(app: Flask) -> None:
    for _ in range(2):
        assert app.test_cli_runner().invoke(args=["summary"]).exit_code == 0
    with app.app_context():
        assert [one.day for one in db.session.scalars(select(Summary))] == [TODAY - timedelta(days=1)]


def test_summary_of_the_seeded_fleet(app: Flask) -> None:
    runner = app.test_cli_runner()
    runner.invoke(args=["seed"])
    (known,) = re.findall(r"(\d+) ships in port", runner.invoke(args=["summary"]).output)
    assert 0 < int(known) < len(FLEET)
