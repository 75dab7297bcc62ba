# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A server counts as started when it answers, whatever it answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._metrics import answering, program


class Refuses(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(401)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(name="free")
def _free() -> Iterator[socket.socket]:
    """A port that is taken, and at which nobody answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken


def test_a_server_that_asks_for_a_password_answers() -> None:
    with HTTPServer(("127.0.0.1", 0), Refuses) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        address = f"127.0.0.1:{server.server_port}"
        assert answering.wait(address)
        assert program.main(["wait", address]) == 0
        server.shutdown()


def test_one_that_does_not_come_is_not_waited_for_for_ever(
    free: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not answering.wait(f"127.0.0.1:{free.getsockname()[1]}", 0)


def test_one_that_comes_late_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = iter([False, False, True])
    monkeypatch.setattr(answering, "answers", lambda address: next(tries))
    monkeypatch.setattr(answering, "PAUSE_SECONDS", 0)
    assert answering.wait("127.0.0.1:9090")
