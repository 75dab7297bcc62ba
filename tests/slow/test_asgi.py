# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""ASGI apps: FastAPI with Quart and Flask (behind WsgiToAsgi) below it, served by gunicorn's own ASGI workers."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT, Host, Project, Visitor, Watch, any_certificate, wait_for

pytestmark = pytest.mark.once("13")
DOMAIN = "async.example.org"
DEPLOY = ("playbooks/deploy.yml", "-e", "app=async")


class WebSocket:
    """The few frames of RFC 6455 that a browser sends to talk, over TLS through nginx."""

    def __init__(self, host: Host) -> None:
        plain = socket.create_connection((host.address, 443), 30)
        self.socket = any_certificate().wrap_socket(plain, server_hostname=DOMAIN)
        key = base64.b64encode(os.urandom(16)).decode()
        head = f"GET /ws HTTP/1.1\r\nHost: {DOMAIN}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self.socket.sendall(f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.socket.recv(1)
        assert answer.startswith(b"HTTP/1.1 101 "), answer

    def say(self, text: str) -> None:
        mask, data = os.urandom(4), text.encode()
        hidden = bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))
        self.socket.sendall(bytes((0x81, 0x80 | len(data))) + mask + hidden)

    def hear(self) -> tuple[int, bytes]:
        """Return the kind of the next frame, 8 for the end, and what is in it."""
        kind, size = struct.unpack("BB", self._read(2))
        return kind & 0x0F, self._read(size)

    def _read(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            part = self.socket.recv(size - len(found))
            assert part, "the connection ended in the middle of a frame"
            found += part
        return found


class Site:
    def __init__(self, project: Project, folder: Path) -> None:
        self.project, self.host, self.folder = project, project.host, folder

    def say(self, **changes: Any) -> None:
        """Describe the app, with CHANGES."""
        entry = {
            "name": "async", "domains": [DOMAIN], "wsgi": "main:app", "source": {"path": str(self.folder)},
            "worker_class": "asgi", "workers": 2, "database": "none", "secret_key_variable": "", "health_path": "/",
            "streaming": ["/ws"], **changes,
        }  # fmt: skip
        scrape = {"domain": "metrics.example.org", "password": "0f8e6c4b2a19d7f5c3e1"}
        self.project.write({"slipway_apps": [entry], "slipway_metrics": "scrape", "slipway_scrape": scrape})

    def change(self, text: str) -> None:
        """Make it another revision."""
        (self.folder / "change.txt").write_text(text)

    def workers(self) -> list[str]:
        return self.host.run("pgrep -P $(systemctl show -p MainPID --value 'async@*')").split()


@pytest.fixture(scope="module")
def site(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("app") / "async"
    shutil.copytree(ROOT / "tests/slow/async_app", folder)
    made = Site(project, folder)
    made.say()
    project.good("site.yml")
    yield made


def test_all_three_kinds_serve_after_their_startup(site: Site) -> None:
    visitor = Visitor(site.host, DOMAIN)
    assert json.loads(visitor.get("/").text) == {"started": True}
    assert visitor.get("/quart/").text == "of quart"
    assert visitor.get("/flask/").text == "of flask"
    assert site.project.good("site.yml").count("changed") == 0


def test_lines_of_a_request_have_its_id_and_the_access_log_is_json(site: Site) -> None:
    Visitor(site.host, DOMAIN).get("/log?secret=1")
    told = site.host.run(
        "journalctl -o cat --no-pager -u 'async@*' | grep -e 'into the hold' -e '\"/log\"'"
    ).splitlines()
    entry = json.loads(next(line for line in told if line.startswith("{")))
    assert (entry["method"], entry["path"], entry["status"]) == ("GET", "/log", 200)
    assert f"looked into the hold [request_id={entry['request_id']}]" in "\n".join(told)


def test_no_request_is_lost_over_deploys_and_workers_that_end(site: Site) -> None:
    """Gentle and sudden: SIGTERM is what max_requests and memory watchdogs do; a deploy stops all workers of the old release."""
    host, visitor = site.host, Visitor(site.host, DOMAIN)
    with Watch(visitor) as watch, Watch(visitor) as second, Watch(Visitor(host, DOMAIN), "/slow") as slow:
        for turn in range(3):
            before = site.workers()
            host.run(f"kill -TERM {before[turn % 2]}")
            wait_for(lambda before=before: len(site.workers()) == 2 and set(site.workers()) != set(before), seconds=60)
            asked = watch.asked
            wait_for(lambda asked=asked: watch.asked > asked + 5, seconds=60)
        for turn in range(2):
            site.change(f"turn {turn}")
            site.project.good(*DEPLOY)
        asked = slow.asked
        wait_for(lambda: slow.asked > asked + 1, seconds=60)
    assert (watch.failures, second.failures, slow.failures) == ([], [], [])
    assert watch.asked > 50


def test_a_websocket_goes_through_nginx_and_may_go_on_for_a_moment_after_a_deploy(site: Site) -> None:
    visitor = Visitor(site.host, DOMAIN)
    old = visitor.get("/").headers["X-Release"]
    talk = WebSocket(site.host)
    talk.say("ahoy")
    assert talk.hear() == (1, f"ahoy {old}".encode())
    site.change("ends the WebSocket")
    site.project.good(*DEPLOY)
    assert visitor.get("/").headers["X-Release"] != old
    talk.say("ahoy")  # it has half a minute to end
    assert talk.hear() == (1, f"ahoy {old}".encode())
    talk.socket.close()
    again = WebSocket(site.host)
    again.say("ahoy")
    assert again.hear()[1] == f"ahoy {visitor.get('/').headers['X-Release']}".encode()


def test_requests_under_way_are_seen_by_the_metrics(site: Site) -> None:
    """gunicorn's own ASGI workers call its hooks, as workers of other servers don't."""

    def seen(name: str) -> float:
        line = site.host.run(f"slipway-metrics show | grep '^{name}{{.*app=\"async\"'").splitlines()[0]
        return float(line.rpartition(" ")[2])

    # What a release counted since the last look of the service goes with it: the former one must have ended.
    units = "systemctl list-units --no-legend --plain 'async@*.service'"
    wait_for(lambda: len(site.host.run(units).splitlines()) == 1, seconds=90)
    assert seen("slipway_gunicorn_workers") == 2
    before = seen("slipway_gunicorn_busy_seconds_total")
    Visitor(site.host, DOMAIN).get("/slow")
    wait_for(lambda: seen("slipway_gunicorn_busy_seconds_total") > before + 2, seconds=60)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"worker_class": "gthread"}, "set `worker_class: asgi`"),
        ({"wsgi": "main:flask"}, "it is a WSGI app, as Flask's are, and `worker_class` is 'asgi'"),
        ({"overrides": ["gunicorn==25.3.0"]}, "`worker_class: asgi` needs gunicorn 27 or later"),
        ({}, "the pool of connections did not open"),
    ],
)
def test_what_can_not_serve_never_gets_a_visitor(site: Site, changes: dict[str, Any], said: str) -> None:
    visitor = Visitor(site.host, DOMAIN)
    old = visitor.get("/").headers["X-Release"]
    site.say(**changes)
    pool = site.folder / "no_pool"
    if not changes:
        pool.touch()
    with Watch(visitor) as watch:
        failed = site.project.play("site.yml")
    pool.unlink(missing_ok=True)
    assert failed.code != 0 and said in failed.output, failed.output
    assert (visitor.get("/").headers["X-Release"], watch.failures) == (old, [])
