# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What webhooks are sent, and that a host which can't reach one says why without its address."""

from __future__ import annotations

import json

from ansible_collections.slipway.flask.plugins.module_utils._host import webhooks
from webhook_sink import Sink


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
    got = [(path, kind, json.loads(content)) for path, kind, content in Sink.got]
    assert got == [(path, "application/json", {"text": "a"}) for path in ("/gone", "/t0ken")]
    assert failed[0] == "notification 1 could not be sent: it answered 404"
    assert len(failed) == 2
    assert "t0ken" not in "".join(failed)
