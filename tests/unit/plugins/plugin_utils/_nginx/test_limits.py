# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""nginx_tls: what the limits, streamed paths and protected downloads of a site mean, and which are refused."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx import limits as limits

SITE = {
    "rate_limits": {}, "streaming": [], "hidden_paths": [], "protected_downloads": {}, "connections_per_address": 200
}  # fmt: skip


def found(**changes: Any) -> list[str]:
    return list(limits.problems({**SITE, **changes}))


@pytest.mark.parametrize(
    "good",
    [
        {},
        {"rate_limits": {"/": "50/second", "/login": "10/minute", "POST /api/v1.0/orders": "1/minute"}},
        {"streaming": ["/", "/events", "/ws/"]},
        {"hidden_paths": ["/metrics", "/internal/metrics/"]},
        {"protected_downloads": {"/protected/": "/srv/shop/shared/uploads"}},
        {"connections_per_address": 0},
    ],
)
def test_good_values_have_no_problems(good: dict[str, Any]) -> None:
    assert found(**good) == []


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"rate_limits": ["/login"]}, "rate_limits must be a mapping"),
        ({"rate_limits": {"login": "10/minute"}}, "'login' in rate_limits must be a path"),
        ({"rate_limits": {"post /login": "10/minute"}}, "'post /login' in rate_limits must be a path"),
        ({"rate_limits": {'/a"b': "10/minute"}}, "in rate_limits must be a path"),
        ({"rate_limits": {"/a.*": "10/minute"}}, "in rate_limits must be a path"),
        ({"rate_limits": {"/login": "10"}}, "'10'; it must be a number a second or minute"),
        ({"rate_limits": {"/login": "10/hour"}}, "'10/hour'; it must be a number a second or minute"),
        ({"rate_limits": {"/login": "0/minute"}}, "it must be a number a second or minute"),
        ({"streaming": "/events"}, "streaming must be a list"),
        ({"hidden_paths": "/metrics"}, "hidden_paths must be a list"),
        ({"hidden_paths": ["/"]}, "'/' in hidden_paths must be a path"),
        ({"hidden_paths": ["/a/../b"]}, "'/a/../b' in hidden_paths must be a path"),
        ({"hidden_paths": ["/a b"]}, "'/a b' in hidden_paths must be a path"),
        ({"hidden_paths": ['/"; }']}, "in hidden_paths must be a path"),
        ({"streaming": ["events"]}, "'events' in streaming must be a path"),
        ({"streaming": ["/a b"]}, "'/a b' in streaming must be a path"),
        ({"streaming": ["/a{}"]}, "in streaming must be a path"),
        ({"protected_downloads": ["/a/"]}, "protected_downloads must be a mapping"),
        ({"protected_downloads": {"/a": "/srv/a"}}, "'/a' in protected_downloads must begin and end with '/'"),
        ({"protected_downloads": {"/": "/srv/a"}}, "'/' in protected_downloads must begin and end with '/'"),
        ({"protected_downloads": {"/a/": "srv/a"}}, "must be an absolute path"),
        ({"protected_downloads": {"/a/": "/srv/../etc"}}, "must be an absolute path"),
        ({"connections_per_address": -1}, "connections_per_address is -1"),
        ({"connections_per_address": True}, "connections_per_address is True"),
        ({"connections_per_address": "9"}, "connections_per_address is '9'"),
    ],
)
def test_mistakes_are_named(bad: dict[str, Any], sentence: str) -> None:
    messages = found(**bad)
    assert len(messages) == 1, messages
    assert sentence in messages[0]


@pytest.mark.parametrize(
    ("where", "matched", "others"),
    [
        ("/login", ["GET /login", "POST /login/", "POST /login/sms"], ["POST /logins", "GET /", "GET /a/login"]),
        ("POST /login", ["POST /login", "POST /login/x"], ["GET /login", "POST /loginx"]),
        ("/api/v1.0/", ["GET /api/v1.0", "GET /api/v1.0/x"], ["GET /api/v1x0", "GET /api/v1.00"]),
        ("/", ["GET /", "PURGE /a/b"], []),
    ],
)
def test_a_limit_is_for_a_path_and_all_below_it(where: str, matched: list[str], others: list[str]) -> None:
    pattern = re.compile(limits.rate_limits({where: "1/second"})[0]["pattern"])
    assert [request for request in matched + others if pattern.search(request)] == matched


@pytest.mark.parametrize(
    ("said", "rate", "burst", "seconds"),
    [
        ("10/minute", "10r/m", 9, 6),
        ("1/minute", "1r/m", 0, 60),
        ("20/second", "20r/s", 99, 1),
        ("7/minute", "7r/m", 6, 9),
    ],
)
def test_a_rate_has_an_allowance_and_a_time_to_wait(said: str, rate: str, burst: int, seconds: int) -> None:
    limit = limits.rate_limits({"/login": said})[0]
    assert (limit["rate"], limit["burst"], limit["seconds"]) == (rate, burst, seconds)


def test_the_longest_wait_is_what_clients_are_told() -> None:
    site = {**SITE, "rate_limits": {"/": "50/second", "/login": "6/minute"}}
    assert limits.complete(site)["retry_seconds"] == 10
    assert limits.complete(SITE)["retry_seconds"] == 1
