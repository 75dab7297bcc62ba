# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What webhooks are sent, and that a host which can't reach one says why without its address."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import webhooks


class Sink(BaseHTTPRequestHandler):
    """Keeps what is posted; /gone answers 404."""

    got: list[tuple[str, Any]] = []

    def do_POST(self) -> None:
        self.got.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self.send_response(404 if self.path == "/gone" else 204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def sink() -> Iterator[str]:
    """The address of a webhook."""
    Sink.got = []
    server = HTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_chats_get_text_that_rings_nobodys_bell() -> None:
    told = {"text": "shop: <!channel> @everyone a & b"}
    slack = json.loads(webhooks.body("slack", told))
    assert slack == {"text": "shop: &lt;!channel&gt; @everyone a &amp; b"}
    discord = json.loads(webhooks.body("discord", told))
    assert discord == {"content": told["text"], "allowed_mentions": {"parse": []}}
    assert json.loads(webhooks.body("slipway", told)) == told


def test_discord_takes_2000_characters() -> None:
    content = json.loads(webhooks.body("discord", {"text": "ä" * 2001}))["content"]
    assert (len(content), content[-2:]) == (2000, "ä…")


def test_each_webhook_gets_its_format_and_one_that_fails_keeps_nobody_from_being_told(sink: str) -> None:
    hooks = [{"url": f"{sink}/gone"}, {"url": "gopher://t0ken/"}, {"url": f"{sink}/t0ken", "format": "slack"}]
    failed = webhooks.post(hooks, {"text": "a"})
    assert Sink.got == [("/gone", {"text": "a"}), ("/t0ken", {"text": "a"})]
    assert failed[0] == "notification 1 could not be sent: it answered 404"
    assert len(failed) == 2
    assert "t0ken" not in "".join(failed)
