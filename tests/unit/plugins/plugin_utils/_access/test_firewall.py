# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The variables of firewall and bans: what is refused, in which words, and what a host is told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._access import document, firewall

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"firewall": "on please"}, "host_access_firewall is 'on please'; it must be auto, true or false"),
    ({"bans": 7}, "host_access_bans is '7'; it must be auto, true or false"),
    ({"firewall_allow": "8080"}, "host_access_firewall_allow must be a list, such as [{port: 51820, protocol: udp}]"),
    (
        {"firewall_allow": {"port": 1}},
        "host_access_firewall_allow must be a list, such as [{port: 51820, protocol: udp}]",
    ),
    ({"firewall_allow": [8080]}, "host_access_firewall_allow, entry 1: must be a mapping"),
    ({"firewall_allow": [{"prot": "udp", "port": 1}]}, "entry 1: unknown key 'prot': keys are from, port, protocol"),
    ({"firewall_allow": [{"protocol": "udp"}]}, "entry 1: 'port' is ''; it must be a port from 1 to 65535, or a range"),
    ({"firewall_allow": [{"port": 0}]}, "'port' is '0'"),
    ({"firewall_allow": [{"port": 65536}]}, "'port' is '65536'"),
    ({"firewall_allow": [{"port": True}]}, "'port' is 'True'"),
    ({"firewall_allow": [{"port": "9-8"}]}, "'port' is '9-8'"),
    ({"firewall_allow": [{"port": "http"}]}, "'port' is 'http'"),
    ({"firewall_allow": [{"port": "22 accept; drop"}]}, "'port' is '22 accept; drop'"),
    ({"firewall_allow": [{"port": 1, "protocol": "icmp"}]}, "'protocol' is 'icmp'; it must be tcp or udp"),
    (
        {"firewall_allow": [{"port": 1, "protocol": "vrrp", "from": ["10.0.0.6"]}]},
        "'port' is '1'; vrrp has no ports: leave it out",
    ),
    ({"firewall_allow": [{"protocol": "vrrp"}]}, "'from' is missing: vrrp is for hosts that are known"),
    (
        {"firewall_allow": [{"port": 1, "from": ["example.com"]}]},
        "'from' has 'example.com': it must be an address or a",
    ),
    ({"firewall_allow": [{"port": 1, "from": ["192.0.2.7/24"]}]}, "write '192.0.2.0/24'"),
    ({"firewall_allow": [{"port": 1, "from": ["0.0.0.0/0"]}]}, "'0.0.0.0/0': that is everybody: leave 'from' out"),
    ({"never_ban": "192.0.2.7"}, "host_access_never_ban must be a list, such as [198.51.100.7]"),
    ({"never_ban": 5}, "host_access_never_ban must be a list, such as [198.51.100.7]"),
    ({"people": {"name": "ann"}}, "host_access_people must be a list, such as [{name: ann, keys: [...], sudo: true}]"),
    ({"firewall_allow": [{"port": 22, "from": 5}]}, "'from' has '5'"),
    ({"confirm_seconds": "abc"}, "host_access_confirm_seconds is 'abc'; it must be a number from 10 to 600"),
    ({"never_ban": ["::/0"]}, "host_access_never_ban has '::/0': that is everybody"),
]


@pytest.mark.parametrize(("given", "said"), WRONG)
def test_a_wrong_value_is_refused_by_its_name(given: dict[str, Any], said: str) -> None:
    (found,) = document.problems({"confirm_seconds": 60, **given})
    assert said in found


def test_what_is_right_is_told_to_the_host_in_one_form() -> None:
    given = {
        "firewall": True, "http3": True, "bans": False, "never_ban": ["198.51.100.7"], "nginx_log": "/var/log/nginx/x.log",
        "firewall_allow": [{"port": 51820, "protocol": "udp"}, {"port": "8000-8100", "from": "192.0.2.0/24"}],
    }  # fmt: skip
    assert document.problems({"confirm_seconds": 60, **given}) == []
    told = document.document(given)
    assert told["firewall"] == {
        "mode": "on", "ports": [80, 443], "http3": True,
        "allow": [
            {"ports": "51820", "protocol": "udp", "from": []},
            {"ports": "8000-8100", "protocol": "tcp", "from": ["192.0.2.0/24"]},
        ],
    }  # fmt: skip
    assert told["bans"] == {"mode": "off", "nginx_log": "/var/log/nginx/x.log"}
    assert told["never_ban"] == ["198.51.100.7"]


MODES: list[tuple[Any, str]] = [
    ("auto", "auto"), (True, "on"), (False, "off"), ("True", "on"), ("False", "off"), ("false", "off"), ("maybe", ""),
]  # fmt: skip


@pytest.mark.parametrize(("written", "mode"), MODES)
def test_a_boolean_may_come_as_text(written: Any, mode: str) -> None:
    """A role's argument of type str makes `True` of true."""
    assert firewall.mode(written) == mode


PACKAGES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["nftables", "fail2ban", "python3-systemd"]),
    ({"firewall": False}, ["nftables", "fail2ban", "python3-systemd"]),
    ({"bans": False}, ["nftables"]),
    ({"firewall": False, "bans": False}, []),
]


@pytest.mark.parametrize(("given", "packages"), PACKAGES)
def test_only_what_is_needed_is_installed(given: dict[str, Any], packages: list[str]) -> None:
    assert document.packages(given) == packages
