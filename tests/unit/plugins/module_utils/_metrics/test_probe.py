# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A site is up when a visitor gets it; how it is down is said in a few words."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._metrics import probe
from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import App, Config
from ansible_collections.slipway.flask.plugins.module_utils._nginx import maintenance


class Answers(BaseHTTPRequestHandler):
    """Answers each path with the status that it names, /503/60 with a Retry-After as nginx does for maintenance."""

    def do_GET(self) -> None:
        status, _, later = self.path[1:].partition("/")
        self.send_response(int(status))
        if later == "drop%20by%20drop":
            self.drip()
        if later:
            self.send_header("Retry-After", later)
        self.end_headers()

    def drip(self) -> None:
        """Send a header that has no end for as long as somebody takes it, up to a bound."""
        self.flush_headers()
        with suppress(OSError):
            for _ in range(400):
                self.wfile.write(b"x")
                time.sleep(0.05)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(name="port", scope="module")
def _port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server with a certificate of its own making for shop.test."""
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
               "-subj", "/CN=shop.test", "-addext", "subjectAltName=DNS:shop.test",
               "-keyout", f"{folder}/key", "-out", f"{folder}/crt"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "crt", folder / "key")
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _sites(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """shop.test is on the server's port, dead.test refuses, lost.test is not in DNS, far.test has no route."""
    connect = socket.create_connection
    known = {"shop.test": ["127.0.0.1"], "dead.test": ["127.0.0.2"], "far.test": ["2001:db8::1"],
             "half.test": ["127.0.0.1", "127.0.0.2"], "both.test": ["2001:db8::1", "127.0.0.1"]}  # fmt: skip

    def to(address: tuple[str, int], timeout: float) -> socket.socket:
        if address[0] == "127.0.0.2":
            raise ConnectionRefusedError(111, "Connection refused")
        if ":" in address[0]:
            raise OSError(101, "Network is unreachable")
        return connect((address[0], port), timeout)

    def resolve(name: str) -> list[str]:
        if name not in known:
            raise socket.gaierror(-2, "Name or service not known")
        return known[name]

    monkeypatch.setattr(socket, "create_connection", to)
    monkeypatch.setattr(probe, "resolve", resolve)


def asked(**more: Any) -> probe.Answer:
    return probe.ask(
        probe.Site(**{"app": "shop", "domain": "shop.test", "on": "web1", "path": "/200", "verify": False, **more})
    )


@pytest.mark.parametrize(
    ("site", "problem", "is_answer"),
    [
        ({}, "", True),
        ({"path": "/302"}, "", True),
        ({"path": "/401"}, "", True),
        ({"path": "/404"}, "/404 answered 404", True),
        ({"path": "/404", "status": (404,)}, "", True),
        ({"path": "/500"}, "/500 answered 500", True),
        ({"path": "/503"}, "/503 answered 503", True),
        ({"path": "/503/60"}, "", True),
        ({"verify": True}, "browsers don't accept its certificate", True),
        ({"domain": "dead.test"}, "connection refused", False),
        ({"domain": "half.test"}, "connection refused", True),
        ({"domain": "both.test"}, "", True),
        ({"domain": "far.test"}, "no route to it from this host", False),
        ({"domain": "lost.test"}, "DNS has no address of it (Name or service not known)", False),
        ({"domain": "lost.test", "address": "shop.test"}, "", True),
    ],
    ids=[
        "all is well", "a redirect", "a password", "no such page", "that is what it answers", "an error", "too busy",
        "maintenance", "a certificate of nobody", "nobody listens", "one of two addresses", "no IPv6 on this host",
        "no route", "not in DNS", "an address of the inventory",
    ],
)  # fmt: skip
def test_a_site_is_up_when_a_visitor_gets_it(site: dict[str, Any], problem: str, is_answer: bool) -> None:
    answer = asked(**site)
    assert (answer.problem, answer.is_answer) == (problem, is_answer)


def test_a_site_that_answers_drop_by_drop_holds_up_no_look_at_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "SITE_SECONDS", 1.0)
    assert asked(path="/200/drop%20by%20drop").problem == "no answer in time"


def config(root: Path) -> Config:
    sites = [
        {"app": app, "domain": "shop.test", "on": on, "path": "/200", "verify": False}
        for app, on in (("shop", "web1"), ("new", "web1"), ("blog", "web2"))
    ]
    (root / "shop").mkdir()
    (root / "shop/current").symlink_to(root)
    apps = [App(name, str(root / name), "/etc/x") for name in ("shop", "new")]
    return Config(host="web1", apps=apps, more={"sites": sites})


def test_each_site_has_its_series_and_one_that_was_never_deployed_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "closed_since", lambda app: "2026-11-26T20:00:00Z")
    told = list(probe.Probe(config(tmp_path)).samples(0))
    up = {
        (one.labels["app"], one.labels["on"], one.labels["from"]): one.value
        for one in told
        if one.name == "slipway_site_up"
    }
    assert up == {("shop", "web1", "web1"): 1, ("blog", "web2", "web1"): 1}
    closed = [(dict(one.labels), one.value) for one in told if one.name == "slipway_site_closed_timestamp_seconds"]
    assert closed == [({"app": "shop"}, 1795723200.0)]
