# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""gunicorn_systemd's settings file, run by the oldest and the newest gunicorn of each series that apps pin."""

from __future__ import annotations

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
from gunicorn_services import rendered

UV = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") or "uv"
THIS, OTHER = "0007-aaa", "0008-bbb"
APP = """
import os, time

def app(environ, start_response):
    while environ["PATH_INFO"] == "/slow" and not os.path.exists("go"):
        open("begun", "w").close()
        time.sleep(0.01)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
VERSIONS = [
    "20.0.0", "20.1.0", "21.2.0", "22.0.0", "23.0.0", "24.0.0", "24.1.1", "25.0.0", "25.3.0", "26.0.0",
    "26.2.0", "27.0.0", "27.0.1",
]  # fmt: skip
Serve = Callable[..., "Served"]


def wait_for(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Served:
    """One gunicorn that serves APP on a socket, as our settings have it."""

    def __init__(self, folder: Path, packages: Path, conf: str) -> None:
        self.folder, self.current = folder, folder / "current"
        (folder / "tiny.py").write_text(APP)
        (folder / "gunicorn.conf.py").write_text(conf)
        self.log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, str(packages / "bin/gunicorn"), "-c", "gunicorn.conf.py", "tiny:app"], cwd=folder,
            stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{packages}:{folder}", "RELEASE_ID": THIS,
                 "RUNTIME_DIRECTORY": str(folder)},
        )  # fmt: skip

    def said(self) -> str:
        """Return what it has logged."""
        return (self.folder / "log").read_text()

    def leads_to(self, release: str) -> None:
        """Make RELEASE the one that serves."""
        self.current.unlink(missing_ok=True)
        self.current.symlink_to(f"releases/{release}")

    def ask(self, client: socket.socket, path: str = "/page") -> bytes:
        """Send one request and return the head of the answer; the connection stays open on our side."""
        self.send(client, path)
        return self.receive(client)

    def send(self, client: socket.socket, path: str) -> None:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: shop\r\nX-Forwarded-Proto: https\r\n\r\n".encode())

    def receive(self, client: socket.socket) -> bytes:
        """Return the head of the answer."""
        answer = b""
        while not answer.endswith(b"ok"):
            part = client.recv(4096)
            assert part, f"no whole answer: {answer!r}\n{self.said()}"
            answer += part
        return answer.partition(b"\r\n\r\n")[0]

    def connect(self) -> socket.socket:
        """Return a connection, as soon as it listens."""
        deadline = time.monotonic() + 20
        while True:
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(10)
            try:
                client.connect(str(self.folder / "gunicorn.sock"))
            except OSError:
                client.close()
                assert self.process.poll() is None and time.monotonic() < deadline, self.said()
                time.sleep(0.02)
            else:
                return client

    def stop(self) -> None:
        """End it and whatever it started."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.log.close()


@pytest.fixture
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Return a function that starts a gunicorn of that version for a service with those keys."""
    started: list[Served] = []

    def inner(version: str, **keys: object) -> Served:
        folder, packages = tmp_path_factory.mktemp("g"), tmp_path_factory.mktemp("p")
        # 20 reads its workers' entry points with pkg_resources, which newer setuptools have not.
        wanted = [f"gunicorn=={version}", *(["setuptools<81"] if version.startswith("20.") else [])]
        install = [UV, "pip", "install", "--quiet", "--python", sys.executable, "--target", str(packages), *wanted]
        subprocess.run(install, check=True)
        link = {"current_link": str(folder / "current"), "workers": 1}
        conf = rendered("gunicorn.conf.py.j2", **{**link, **keys})
        started.append(Served(folder, packages, conf))
        return started[-1]

    yield inner
    for one in started:
        one.stop()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_release_answers_when_it_serves_and_when_another_one_does(serve: Serve, version: str) -> None:
    served = serve(version)
    served.leads_to(THIS)
    with served.connect() as client:
        keeps = b"connection: keep-alive" in served.ask(client).lower()
        assert keeps is (version == "27.0.1")
    served.leads_to(OTHER)
    with served.connect() as client:
        head = served.ask(client)
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in head.lower()
    served.stop()
    said = served.said()
    assert "Traceback" not in said
    assert '"path": "/page", "status": 200' in said
    assert said.count('"remote_addr"') == 2


@pytest.mark.parametrize("version", ["21.0.0", "21.1.0"])
def test_a_gunicorn_that_loses_requests_is_refused_in_words(serve: Serve, version: str) -> None:
    served = serve(version)
    assert served.process.wait(20) != 0
    assert "gunicorn 21.0 and 21.1 reset connections before they are answered: take 21.2 or later" in served.said()


def test_a_connection_that_is_kept_ends_once_another_release_serves(serve: Serve) -> None:
    served = serve("27.0.1")
    served.leads_to(THIS)
    with served.connect() as client:
        assert b"connection: keep-alive" in served.ask(client).lower()
        served.leads_to(OTHER)
        assert b"connection: close" in served.ask(client).lower()
        assert client.recv(1) == b"", "the server ends it"


def test_a_request_under_way_at_the_switch_leaves_no_kept_connection(serve: Serve) -> None:
    """The web server would give it to somebody who asks after the switch."""
    served = serve("27.0.1")
    served.leads_to(THIS)
    with served.connect() as client:
        served.send(client, "/slow")
        wait_for(lambda: (served.folder / "begun").exists())
        served.leads_to(OTHER)
        (served.folder / "go").touch()
        assert b"connection: close" in served.receive(client).lower()
        assert client.recv(1) == b"", "the server ends it"
