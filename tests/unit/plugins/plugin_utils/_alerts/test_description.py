# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with `slipway_alerts` is said before anything changes, and no secret with it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._alerts import description

MAIL = {
    "to": ["ann@example.org"],
    "smtp": "mail.example.org:587",
    "user": "alerts@example.org",
    "password": "s3cret-word",
}
HOOK = "https://hooks.example.org/s3cret-word"
MAILED = "slipway_alerts: 'mail': "
URL = "it must be an address such as https://example.org/path"


@pytest.mark.parametrize(
    "alerts",
    [
        {},
        None,
        {"mail": MAIL},
        {"mail": {**MAIL, "user": "", "password": "", "from": "web@example.org", "tls": False, "smtp": "127.0.0.1:25"}},
        {"slack": HOOK, "discord": HOOK, "webhooks": [HOOK, "http://10.0.0.1:8080/x"], "heartbeat": HOOK},
        {"slack": HOOK, "thresholds": {"error_percent": 2.5, "disk_hours": 24}},
    ],
    ids=["none", "nothing", "mail", "a relay on the host", "all kinds of webhooks", "thresholds"],
)
def test_what_works_is_taken(alerts: Any) -> None:
    assert description.problems(alerts) == []


@pytest.mark.parametrize(
    ("alerts", "said"),
    [
        ([HOOK], "slipway_alerts must be a mapping with one of mail, slack, discord, webhooks, not a list"),
        ({"slak": HOOK}, "slipway_alerts: unknown key 'slak' (did you mean 'slack'?)"),
        ({"heartbeat": HOOK}, "slipway_alerts: nobody is notified: set one of mail, slack, discord, webhooks"),
        ({"slack": "hooks.example.org/s3cret-word"}, f"slipway_alerts: 'slack' is not a valid URL; {URL}"),
        ({"discord": "ftp://example.org/s3cret-word"}, f"slipway_alerts: 'discord' is not a valid URL; {URL}"),
        (
            {"webhooks": [HOOK, "https://s3cret-word:port/"]},
            f"slipway_alerts: entry 2 of 'webhooks' is not a valid URL; {URL}",
        ),
        ({"webhooks": [7]}, f"slipway_alerts: entry 1 of 'webhooks' is a whole number; {URL}"),
        ({"webhooks": [HOOK, HOOK]}, "slipway_alerts: 'webhooks' has the same address twice"),
        (
            {"webhooks": [f"https://e.org/{number}" for number in range(11)]},
            "slipway_alerts: 'webhooks' has 11 addresses; give 10 at most",
        ),
        (
            {"slack": HOOK, "heartbeat": "https://hc.example.org/{{ s3cret-word }}"},
            "slipway_alerts: 'heartbeat' is not a valid URL; " + URL,
        ),
        (
            {"mail": {"to": ["ann@example.org"]}},
            "slipway_alerts, 'mail': 'smtp' is missing. SMTP server, as `host:port`; "
            "port 587 uses STARTTLS, port 465 TLS from the start.",
        ),
        ({"mail": {**MAIL, "to": []}}, MAILED + "'to' is empty; give the addresses that get the mail"),
        (
            {"mail": {**MAIL, "to": ["Ann"]}},
            MAILED + "entry 1 of 'to' is 'Ann'; it must be an address such as ann@example.org",
        ),
        (
            {"mail": {**MAIL, "to": ["{{ x }}@e.org"]}},
            MAILED + "entry 1 of 'to' is '{{ x }}@e.org'; it must be an address such as ann@example.org",
        ),
        (
            {"mail": {**MAIL, "smtp": "mail.example.org"}},
            MAILED + "'smtp' is 'mail.example.org'; it must be host:port, such as mail.example.org:587",
        ),
        (
            {"mail": {**MAIL, "smtp": "mail.example.org:70000"}},
            MAILED + "'smtp' is 'mail.example.org:70000'; it must be host:port, such as mail.example.org:587",
        ),
        ({"mail": {**MAIL, "password": ""}}, MAILED + "'password' is required with 'user'"),
        (
            {"mail": {**MAIL, "tls": False}},
            MAILED + "'tls' is false, and a password must not be sent unencrypted: remove one of the two",
        ),
        (
            {"mail": {**MAIL, "user": "web"}},
            MAILED + "'from' is missing, and 'user' is no address; it must be an address such as alerts@example.org",
        ),
        (
            {"mail": {**MAIL, "ca": "s3cret-word"}},
            MAILED + "'ca' is not a PEM certificate; read the file: lookup('ansible.builtin.file', 'ca.pem')",
        ),
        (
            {"slack": HOOK, "thresholds": {"error_percent": 200}},
            "slipway_alerts, 'thresholds': 'error_percent' is 200; it must be from 1 "
            "to 100. Percentage of requests that the app answers with 5xx.",
        ),
        (
            {"slack": HOOK, "thresholds": {"slow_second": 1}},
            "slipway_alerts, 'thresholds': unknown key 'slow_second' (did you mean 'slow_seconds'?)",
        ),
    ],
)
def test_what_cannot_work_is_said_in_one_sentence_without_a_secret(alerts: Any, said: str) -> None:
    assert description.problems(alerts) == [said]
    assert "s3cret-word" not in said


@pytest.mark.parametrize("metrics", ["none", "scrape"])
def test_alerts_need_metrics_on_the_host(metrics: str) -> None:
    assert description.problems({"slack": HOOK}, metrics) == [
        f"slipway_alerts: alerts need the metrics that are kept on the host, and slipway_metrics is '{metrics}': set "
        "`slipway_metrics: local`"
    ]


def test_discord_is_refused_where_alertmanager_is_too_old() -> None:
    assert description.problems({"discord": HOOK}, "local", ["Ubuntu", "22.04"]) == [
        "slipway_alerts: 'discord': Alertmanager 0.23 of Ubuntu 22.04 can't notify Discord; use another way, or Debian 12"
    ]
