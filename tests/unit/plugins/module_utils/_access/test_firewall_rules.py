# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The text of the firewall's rules: what is open, for whom, and what nft would refuse."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._access import firewall_rules

ASKED: dict[str, Any] = {"mode": "auto", "ports": [80, 443], "http3": False, "allow": []}


def opened(ssh_ports: tuple[int, ...] = (22,), never: tuple[str, ...] = (), **asked: Any) -> list[str]:
    """Return the rules about ports, in their order."""
    text = firewall_rules.text({**ASKED, **asked}, ssh_ports, never)
    # After the last of those that every host has, the answers of DHCP.
    return [
        line.strip()
        for line in text.partition("udp dport 546 accept\n")[2].splitlines()
        if "dport" in line or "l4proto" in line
    ]


def test_nothing_is_open_but_ssh_and_the_web() -> None:
    assert opened() == ["tcp dport 22 ct state new jump ssh", "tcp dport 80 accept", "tcp dport 443 accept"]


def test_http_3_opens_udp() -> None:
    assert "udp dport 443 accept" in opened(http3=True)


def test_every_port_of_sshd_is_limited_and_open() -> None:
    assert opened((2222, 22, 22))[0] == "tcp dport { 22, 2222 } ct state new jump ssh"


def test_a_program_of_the_host_cannot_take_all_places_of_sshd() -> None:
    local = firewall_rules.text(ASKED, (22, 922)).partition('iif "lo" accept')[0].splitlines()[-2].strip()
    assert local == 'iif "lo" tcp dport { 22, 922 } ct state new limit rate over 20/minute burst 10 packets drop'


ALLOWED: list[tuple[dict[str, Any], list[str]]] = [
    ({"ports": "51820", "protocol": "udp", "from": []}, ["udp dport 51820 accept"]),
    ({"ports": "8000-8100", "protocol": "tcp", "from": ["192.0.2.7"]}, ["ip saddr 192.0.2.7 tcp dport 8000-8100 accept"]),
    (
        {"ports": "5432", "protocol": "tcp", "from": ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"]},
        [
            "ip saddr { 192.0.2.0/24, 198.51.100.7 } tcp dport 5432 accept",
            "ip6 saddr 2001:db8::/32 tcp dport 5432 accept",
        ],
    ),
    ({"ports": "", "protocol": "vrrp", "from": ["10.0.0.6"]}, ["ip saddr 10.0.0.6 meta l4proto 112 accept"]),
    # nft: "conflicting intervals specified"
    (
        {"ports": "9100", "protocol": "tcp", "from": ["10.0.0.0/8", "10.1.2.3", "10.1.0.0/16"]},
        ["ip saddr 10.0.0.0/8 tcp dport 9100 accept"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "rules"), ALLOWED)
def test_an_entry_lets_in_its_port_from_where_it_says(entry: dict[str, Any], rules: list[str]) -> None:
    assert opened(allow=[entry])[3:] == rules


def test_who_is_never_banned_is_not_slowed_down_at_sshd() -> None:
    chain = (
        firewall_rules.text(ASKED, [22], ["198.51.100.7", "2001:db8::/32"]).partition("chain ssh")[2].partition("}")[0]
    )
    lines = [line.strip() for line in chain.splitlines()]
    limit = next(number for number, line in enumerate(lines) if "limit rate" in line)
    assert {"ip saddr 198.51.100.7 accept", "ip6 saddr 2001:db8::/32 accept"} <= set(lines[:limit])


def test_only_our_own_table_is_replaced() -> None:
    text = firewall_rules.text(ASKED, [22])
    assert "flush" not in text
    assert set(re.findall(r"^(?:delete )?table (\S+ \S+)", text, re.MULTILINE)) == {"inet slipway"}


OPEN: list[tuple[str, int, bool]] = [
    ("tcp", 22, True), ("udp", 22, False), ("tcp", 443, True), ("udp", 443, False), ("tcp", 8000, True), ("tcp", 8100, True),
    ("tcp", 8101, False), ("udp", 8000, False), ("udp", 51820, True), ("tcp", 25, False),
]  # fmt: skip


@pytest.mark.parametrize(("protocol", "port", "expected"), OPEN)
def test_it_is_known_which_port_is_open(protocol: str, port: int, expected: bool) -> None:
    allow = [
        {"ports": "8000-8100", "protocol": "tcp", "from": []},
        {"ports": "51820", "protocol": "udp", "from": ["192.0.2.7"]},
    ]
    assert firewall_rules.is_open({**ASKED, "allow": allow}, [22], protocol, port) is expected


def test_udp_443_is_open_with_http_3() -> None:
    assert firewall_rules.is_open({**ASKED, "http3": True}, [22], "udp", 443)
