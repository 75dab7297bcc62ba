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
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description, tracing
from app_descriptions import shop
from gunicorn_services import rendered
from otlp_receiver import OtlpReceiver

UV = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") or "uv"
APP = """
import sqlalchemy
from flask import Flask

app = Flask(__name__)
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
    wanted = ["flask==3.1.3", "sqlalchemy==2.0.51", "gunicorn==27.0.1", *tracing.PACKAGES]
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
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(packages / "bin/gunicorn"), "-c", "gunicorn.conf.py", "app:app"], cwd=folder,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{packages}:{folder}", "RELEASE_ID": "0007-4f2a91c",
                     "RUNTIME_DIRECTORY": str(folder), "OTEL_BSP_SCHEDULE_DELAY": "100",
                     **app["environment"], **app["secrets"]},
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


def test_requests_go_on_without_a_receiver_and_so_does_the_end_of_a_worker(traced: tuple[Traced, OtlpReceiver]) -> None:
    served, receiver = traced
    receiver.end()
    assert {served.get("/goods/oars") for _ in range(300)} == {(200, "42")}
    served.end()
    assert served.process.returncode == 0
    assert "Traceback" not in served.log.read_text()
