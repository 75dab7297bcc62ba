# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the doctor says of mail: only of hosts whose apps send any."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._doctor import mail

DIRECT = {"app": "shop", "variable": "MAIL_SERVER", "host": "localhost", "port": 25}
RELAY = {"app": "shop", "variable": "SMTP_HOST", "host": "smtp.example.com", "port": 587}


def found(*asked: dict[str, Any], closed: tuple[int, ...] = ()) -> list[str]:
    return [one.says for one in mail.mail(asked, lambda host, port: "timed out" if port in closed else "")]


def test_servers_that_can_be_reached_have_no_line() -> None:
    assert found(DIRECT, RELAY) == []


def test_a_mail_service_that_can_t_be_reached_is_named_with_its_variable() -> None:
    assert found(DIRECT, RELAY, closed=(587,)) == [
        "shop sends mail through smtp.example.com:587 (SMTP_HOST), which can't be reached: timed out"
    ]


def test_port_25_is_looked_at_for_a_host_that_sends_mail_itself() -> None:
    assert found(DIRECT, closed=(25,)) == [
        "shop send mail through this host, and outgoing port 25 is blocked: timed out"
    ]
    assert found(RELAY, closed=(25,)) == []


@pytest.mark.parametrize(
    ("name", "back", "words"),
    [
        ("mail.example.com", ["203.0.114.9"], ""),
        ("", [], "203.0.114.9 has no reverse DNS"),
        ("other.example.com", ["203.0.114.7"], "has the reverse DNS other.example.com, which does not lead back to it"),
    ],
)
def test_a_reverse_dns_must_lead_back(name: str, back: list[str], words: str) -> None:
    said = [one.says for one in mail.reverse(["10.0.0.3", "203.0.114.9"], lambda _: name, lambda _: back)]
    assert [words in one for one in said] == [True] * bool(words)


def test_a_host_without_a_public_address_is_noted() -> None:
    (said,) = mail.reverse(["10.0.0.3"], lambda _: "", lambda _: [])
    assert said.level == "note"


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("", True),
        ("smtp.example.com", False),
        ("10.0.0.1", False),
    ],
)
def test_whose_mail_goes_out_from_here(host: str, is_local: bool) -> None:
    assert mail.is_local(host) == is_local


def test_a_port_that_nobody_listens_to_is_no_connection() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert mail.connect("127.0.0.1", taken.getsockname()[1]) == "Connection refused"
        taken.listen()
        assert mail.connect("127.0.0.1", taken.getsockname()[1]) == ""
