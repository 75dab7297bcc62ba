# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Webhooks: what they are sent, and that nothing about them shows their address or stops a deploy."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app import notifications
from webhook_sink import Sink


def test_a_webhook_gets_json(sink: str) -> None:
    assert notifications.send(f"{sink}/t0ken", b'{"text": "a"}') == ""
    assert Sink.got == [("/t0ken", "application/json", b'{"text": "a"}')]


@pytest.mark.parametrize(
    ("url", "said"),
    [("{sink}/gone", "it answered 404"), ("http://127.0.0.1:1/t0ken", "Connection refused"),
     ("http://t0ken.invalid/", ""), ("http://127.0.0.1:1/t0 ken", ""), ("https://[t0ken", ""), ("gopher://t0ken/", "")],
)  # fmt: skip
def test_a_webhook_that_can_not_be_told_is_a_sentence_without_its_address(sink: str, url: str, said: str) -> None:
    reason = notifications.send(url.replace("{sink}", sink), b"{}")
    assert reason and said in reason
    assert "t0" not in reason


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ("https://x/t0ken", "'notifications' must be a list such as [{url: …, format: slack}]"),
        (["https://x/t0ken"], "entry 1 of 'notifications' must be a mapping with 'url' and 'format'"),
        ([{"url": "x/t0ken"}], "entry 1 of 'notifications' has no 'url' that begins with https:// (or http://)"),
        ([{"url": "https://x/t0ken", "format": "teams"}],
         "'format' in entry 1 of 'notifications' is 'teams'; it must be one of slipway, slack, discord"),
        ([{"url": "https://x/t0ken", "form": "slack"}],
         "unknown key 'form' in entry 1 of 'notifications'; it takes url, format"),
    ],
)  # fmt: skip
def test_a_wrong_description_is_refused_without_showing_an_address(found: Any, said: str) -> None:
    assert notifications.problems(found) == [said]


def test_a_right_description_has_no_problems() -> None:
    assert notifications.problems([]) == notifications.problems([{"url": "https://x/y", "format": "discord"}]) == []
