# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Tracing: gunicorn with our settings, OpenTelemetry's packages as they are pinned, and a receiver of the test."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description, tracing
from app_descriptions import shop
from gunicorn_services import rendered
from otlp_receiver import OtlpReceiver

UV = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") or "uv"
APP = """
import sqlalchemy
from celery import Celery
from flask import Flask

app = Flask(__name__)
jobs = Celery("app", broker="filesystem://", broker_transport_options={
    "data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "queue"})


@jobs.task
def pack(name):
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT 'packed'"))


@app.get("/orders/<name>")
def order(name):
    return pack.delay(name).id


engine = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.pool.StaticPool,
                                  connect_args={"check_same_thread": False})


@app.get("/goods/<name>")
def goods(name):
    with engine.connect() as connection:
        return str(connection.execute(sqlalchemy.text("SELECT 41 + 1")).scalar())
"""


def wait_for(ready: Callable[[], bool], told: Callable[[], str]) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline, told()
        time.sleep(0.05)


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with an app's packages, and with what tracing adds."""
    target = tmp_path_factory.mktemp("traced")
    wanted = ["flask==3.1.3", "sqlalchemy==2.0.51", "gunicorn==27.0.1", "celery==5.7.0", *tracing.PACKAGES]
    subprocess.run(
        [UV, "pip", "install", "--quiet", "--python", sys.executable, "--target", str(target), *wanted], check=True
    )
    return target


class Traced:
    """gunicorn with an app that is traced to a receiver at PORT."""

    def __init__(self, folder: Path, packages: Path, port: int, **keys: object) -> None:
        self.folder, self.log = folder, folder / "log"
        otel = {"endpoint": f"http://127.0.0.1:{port}", "headers": {"Authorization": "Bearer t0p-secret"}}
        app = description.normalise(shop(otel=otel))
        (folder / "app.py").write_text(APP)
        conf = rendered("gunicorn.conf.py.j2", tracing=True, workers=1, threads=2, log_mask=["default"], **keys)
        (folder / "gunicorn.conf.py").write_text(conf)
        (folder / "queue").mkdir()
        self.environment = {
            "PATH": os.environ["PATH"], "PYTHONPATH": f"{packages}:{folder}", "RELEASE_ID": "0007-4f2a91c",
            "RUNTIME_DIRECTORY": str(folder), "OTEL_BSP_SCHEDULE_DELAY": "100", **app["environment"], **app["secrets"],
        }  # fmt: skip
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(packages / "bin/gunicorn"), "-c", "gunicorn.conf.py", "app:app"], cwd=folder,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True, env=self.environment,
            )  # fmt: skip
        wait_for(lambda: (folder / "gunicorn.sock").exists() or self.process.poll() is not None, self.log.read_text)
        assert self.process.poll() is None, self.log.read_text()

    def get(self, path: str) -> tuple[int, str]:
        client = http.client.HTTPConnection("shop")
        client.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.sock.settimeout(60)
        client.sock.connect(str(self.folder / "gunicorn.sock"))
        client.request(
            "GET", path, headers={"X-Request-ID": "52c78ae7", "Cookie": "session=c00kie", "Authorization": "Basic pa55"}
        )
        answer = client.getresponse()
        found = answer.status, answer.read().decode()
        client.close()
        return found

    def end(self) -> None:
        """Make it end as systemd does, and wait for that."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


@pytest.fixture(params=[False, True], ids=["loaded in each worker", "loaded before the fork"])
def traced(request: pytest.FixtureRequest, tmp_path: Path, packages: Path) -> Iterator[tuple[Traced, OtlpReceiver]]:
    with OtlpReceiver() as receiver:
        served = Traced(tmp_path, packages, receiver.port, preload_app=request.param)
        try:
            yield served, receiver
        finally:
            if served.process.poll() is None:
                os.killpg(served.process.pid, signal.SIGKILL)
                served.process.wait()


def test_a_request_s_span_arrives_with_names_and_id_and_without_a_secret(traced: tuple[Traced, OtlpReceiver]) -> None:
    served, receiver = traced
    assert served.get("/goods/oars?token=hidd3n&page=2") == (200, "42")
    wait_for(
        lambda: {"request_id", "SELECT 41 + 1"} <= receiver.texts(),
        lambda: f"{receiver.texts()}\n{served.log.read_text()}",
    )
    path, headers, _ = receiver.calls[0]
    found = receiver.texts()
    assert (path, {name.lower(): value for name, value in headers.items()}["authorization"]) == (
        "/v1/traces",
        "Bearer t0p-secret",
    )
    assert {"shop", "0007-4f2a91c", "production", "52c78ae7", "GET /goods/<name>", "token=***&page=2"} <= found
    everything = "\n".join(found)
    for secret in ("hidd3n", "c00kie", "pa55", "t0p-secret"):
        assert secret not in everything


@contextmanager
def worker(served: Traced, *options: str) -> Iterator[Path]:
    """Run Celery's worker as the unit of a traced process does, and yield where its log is."""
    folder, log = served.folder / "tracing", served.folder / "worker.log"
    folder.mkdir()
    made = rendered("trace-jobs.py.j2", tracing=True, processes={"worker": {"command": "celery"}})
    (folder / "sitecustomize.py").write_text(made)
    path = {"PYTHONPATH": f"{folder}:{served.environment['PYTHONPATH']}", "PROCESS_NAME": "worker"}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "app.jobs", "worker", "--concurrency=1", "--loglevel=INFO", *options],
            cwd=served.folder, stdout=out, stderr=subprocess.STDOUT, start_new_session=True, env=served.environment | path,
        )  # fmt: skip
    try:
        yield log
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.parametrize("traced", [False], indirect=True, ids=["loaded in each worker"])
def test_a_job_s_steps_are_in_the_trace_of_the_request_that_has_queued_it(traced: tuple[Traced, OtlpReceiver]) -> None:
    served, receiver = traced
    with worker(served) as log:
        assert served.get("/orders/oars")[0] == 200
        wait_for(
            lambda: {"GET /orders/<name>", "run/app.pack", "SELECT"} <= {one.name for one in receiver.spans()},
            lambda: f"{receiver.spans()}\n{served.log.read_text()}\n{log.read_text()}",
        )
        told = {one.name: one for one in receiver.spans()}
        assert told["run/app.pack"].trace == told["GET /orders/<name>"].trace == told["SELECT"].trace
        assert told["SELECT"].parent == told["run/app.pack"].id


@pytest.mark.parametrize("traced", [False], indirect=True, ids=["loaded in each worker"])
def test_jobs_go_on_without_a_receiver_and_so_does_their_worker_s_end(traced: tuple[Traced, OtlpReceiver]) -> None:
    served, receiver = traced
    receiver.end()
    with worker(served) as log:
        for _ in range(5):
            assert served.get("/orders/oars")[0] == 200
        wait_for(lambda: log.read_text().count("succeeded in") == 5, log.read_text)
    assert "No job is traced" not in log.read_text()


def test_requests_go_on_without_a_receiver_and_so_does_the_end_of_a_worker(traced: tuple[Traced, OtlpReceiver]) -> None:
    served, receiver = traced
    receiver.end()
    assert {served.get("/goods/oars") for _ in range(300)} == {(200, "42")}
    served.end()
    assert served.process.returncode == 0
    assert "Traceback" not in served.log.read_text()
