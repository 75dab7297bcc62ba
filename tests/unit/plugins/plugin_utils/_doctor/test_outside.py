# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the doctor sees from the controller: domains, sites, clocks."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._doctor import outside

OWN = {"203.0.113.7", "2001:db8::7"}
NAMES = [("shop.example.com", "shop", False)]
APP: dict[str, Any] = {
    "name": "shop", "domains": ["shop.example.com", "*.shop.example.com"], "redirect_domains": ["example.com"],
    "certificate": "acme",
}  # fmt: skip


def test_every_domain_is_looked_at_but_wildcards() -> None:
    assert outside.domains_of([APP]) == [("shop.example.com", "shop", False), ("example.com", "shop", False)]


@pytest.mark.parametrize(
    ("addresses", "proxied", "level", "words"),
    [
        (["203.0.113.7", "2001:db8::7"], False, "", ""),
        ([], False, "problem", "shop.example.com (shop) has no address in the DNS"),
        (["203.0.113.7", "2001:db8::9"], False, "problem", "leads to 2001:db8::9, and the host has 2001:db8::7, 203.0.113.7"),
        (["198.51.100.1"], True, "note", "leads to 198.51.100.1"),
    ],
)  # fmt: skip
def test_where_a_domain_leads(addresses: list[str], proxied: bool, level: str, words: str) -> None:
    found = list(outside.dns(NAMES, OWN, proxied, lambda _: addresses))
    assert [one.level for one in found] == [level] * bool(level)
    assert all(words in one.says for one in found)


def test_a_dns_that_does_not_answer_is_told_apart() -> None:
    def fail(_: str) -> list[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    (found,) = outside.dns(NAMES, OWN, ask=fail)
    assert found.says == ("the DNS could not be asked for shop.example.com: Temporary failure in name resolution")


def test_an_address_leads_to_itself() -> None:
    assert outside.resolve("127.0.0.1") == ["127.0.0.1"]


@pytest.mark.parametrize("self_signed", [True, False])
def test_a_site_is_asked_for_the_certificate_that_it_should_have(self_signed: bool) -> None:
    asked = list[tuple[str, str, bool]]()

    def call(domain: str, address: str, trusted: bool) -> str:
        asked.append((domain, address, trusted))
        return "Connection refused"

    (found,) = outside.https([("shop.example.com", "shop", self_signed)], "203.0.113.7", call)
    assert asked == [("shop.example.com", "203.0.113.7", not self_signed)]
    assert found.says == "https://shop.example.com/ (shop) does not answer at 203.0.113.7: Connection refused"
    assert "status.yml -e app=shop;" in found.do


def test_sites_that_answer_have_no_line() -> None:
    assert list(outside.https(NAMES, "203.0.113.7", lambda *_: "")) == []


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        (100.0, ""),
        (125.0, ""),
        (75.0, ""),
        (160.0, "the host's clock is 50 s ahead of this machine's"),
        (30.0, "the host's clock is 70 s behind this machine's"),
    ],
)
def test_clocks_that_are_apart_are_told(theirs: float, words: str) -> None:
    assert [one.says for one in outside.clock(theirs, 100.0, 110.0)] == [words] * bool(words)
