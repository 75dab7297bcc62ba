# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a host has before it gets a firewall: another one, or ports that the network reaches."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._access import firewall_look
from ansible_collections.slipway.flask.plugins.module_utils._access.firewall_look import Listener


def ruleset(*chains: tuple[str, str, str, str, Sequence[Mapping[str, Any]]], hook: str = "input") -> str:
    """Return nft's JSON of CHAINS: family, table, name, policy, and the last expression of each rule."""
    items: list[dict[str, Any]] = [{"metainfo": {"json_schema_version": 1}}]
    for family, table, name, policy, rules in chains:
        place = {"family": family, "table": table}
        items.append({"chain": {**place, "name": name, "type": "filter", "hook": hook, "prio": 0, "policy": policy}})
        items += [{"rule": {**place, "chain": name, "handle": 1, "expr": [{"counter": None}, rule]}} for rule in rules]
    return json.dumps({"nftables": items})


DROP = {"drop": None}
RULESETS: list[tuple[str, str]] = [
    ("", ""),
    (ruleset(), ""),
    # What Docker and iptables leave: a chain without rules that lets everything in.
    (ruleset(("ip", "filter", "INPUT", "accept", [])), ""),
    (ruleset(("ip", "filter", "INPUT", "accept", [{"jump": {"target": "f2b-sshd"}}])), ""),
    (ruleset(("ip", "filter", "INPUT", "accept", [{"jump": {"target": "LIBVIRT_INP"}}])), ""),
    # As ufw leaves it when it is disabled.
    (ruleset(("ip", "filter", "INPUT", "accept", [{"jump": {"target": "ufw-before-input"}}])), ""),
    (ruleset(("inet", "f2b-table", "f2b-chain", "accept", [DROP])), ""),
    (ruleset(("inet", "netavark", "INPUT", "accept", [{"accept": None}])), ""),
    (ruleset(("ip", "filter", "FORWARD", "drop", [DROP]), hook="forward"), ""),
    (ruleset(("inet", "filter", "input", "accept", [DROP])), "rules in nftables (table inet filter, chain input)"),
    (ruleset(("inet", "mine", "in", "drop", [])), "rules in nftables (table inet mine, chain in)"),
    (
        ruleset(("ip", "filter", "INPUT", "accept", [{"jump": {"target": "f2b-sshd"}}, {"drop": None}])),
        "rules in nftables (table ip filter, chain INPUT)",
    ),
]


@pytest.mark.parametrize(("printed", "found"), RULESETS)
def test_rules_of_somebody_else_s_are_told_from_those_of_programs(printed: str, found: str) -> None:
    assert firewall_look.of_ruleset(printed) == found


LEGACY: list[tuple[str, bool]] = [
    ("-P INPUT ACCEPT\n", False), ("-P INPUT DROP\n", True), ("-P INPUT ACCEPT\n-A INPUT -j f2b-sshd\n", False),
    ("-P INPUT ACCEPT\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n", True),
]  # fmt: skip


@pytest.mark.parametrize(("printed", "found"), LEGACY)
def test_rules_of_old_iptables_are_found(printed: str, found: bool) -> None:
    assert firewall_look.legacy_rules(printed) is found


@pytest.mark.parametrize(("text", "found"), [("ENABLED=yes\n", "ufw"), ("# ENABLED=yes\nENABLED=no\n", "")])
def test_ufw_counts_when_it_is_enabled(text: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ufw.conf").write_text(text)
    monkeypatch.setattr(firewall_look, "UFW", tmp_path / "ufw.conf")
    monkeypatch.setattr(firewall_look, "LEGACY", {})
    monkeypatch.setattr(firewall_look, "run", lambda *argv: "")
    assert firewall_look.foreign() == found


SOCKETS = """\
udp   UNCONN 0      0            0.0.0.0:68         0.0.0.0:*    users:(("dhclient",pid=400,fd=7))
udp   UNCONN 0      0            0.0.0.0:51820      0.0.0.0:*
udp   UNCONN 0      0      127.0.0.53%lo:53         0.0.0.0:*    users:(("systemd-resolve",pid=1,fd=1))
udp   UNCONN 0      0   [fe80::5054:ff:fe12:3456]%ens3:546  [::]:*    users:(("systemd-network",pid=1,fd=9))
udp   UNCONN 0      0          10.88.0.1:53         0.0.0.0:*    users:(("aardvark-dns",pid=2,fd=1))
tcp   LISTEN 0      128          0.0.0.0:22         0.0.0.0:*    users:(("sshd",pid=98,fd=6))
tcp   LISTEN 0      128             [::]:22            [::]:*    users:(("sshd",pid=98,fd=7))
tcp   LISTEN 0      128        127.0.0.1:5432       0.0.0.0:*    users:(("postgres",pid=9,fd=7))
tcp   LISTEN 0      128            [::1]:5432          [::]:*    users:(("postgres",pid=9,fd=8))
tcp   LISTEN 0      50  [::ffff:127.0.0.1]:8005                *:*    users:(("java",pid=10,fd=8))
tcp   LISTEN 0      50                 *:8080             *:*    users:(("java",pid=10,fd=9),("java",pid=11,fd=9))
tcp   LISTEN 0      50      192.0.2.7%eth0:25         0.0.0.0:*    users:(("master",pid=12,fd=9))
tcp   LISTEN 0      50           0.0.0.0:8081       0.0.0.0:*    users:(("docker-proxy",pid=13,fd=9))
tcp   LISTEN 0      50           0.0.0.0:111        0.0.0.0:*    users:(("rpcbind",pid=14,fd=9))
"""
ADDRESSES = json.dumps([
    {"ifname": "eth0", "addr_info": [{"local": "192.0.2.7"}]}, {"ifname": "podman0", "addr_info": [{"local": "10.88.0.1"}]}
])  # fmt: skip


def test_what_the_network_reaches_is_named_with_its_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firewall_look, "run", lambda *argv: ADDRESSES if argv[0] == "ip" else SOCKETS)
    assert list(map(str, firewall_look.listeners())) == [
        "tcp 22 (sshd)", "tcp 25 (master)", "tcp 8080 (java)", "udp 51820 (the kernel, as for WireGuard)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "program"),
    [("\ntcp a b c x:9 ", ""), ("\ntcp a b c 1:x ", ""), ("\x1b[2J", "?[2J"), ("gunicorn", "gunicorn")],
)
def test_the_name_that_a_process_gives_itself_does_not_keep_a_firewall_away(name: str, program: str) -> None:
    row = f'tcp   LISTEN 0      50           0.0.0.0:8000       0.0.0.0:*    users:(("{name}",pid=13,fd=9))\n'
    assert list(firewall_look.parsed(row)) == [Listener("tcp", 8000, program)]


def test_what_is_printed_in_another_encoding_is_read() -> None:
    assert firewall_look.run("printf", r"\377") == "\ufffd"


def test_rpcbind_counts_where_files_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    nfs = SOCKETS + "tcp   LISTEN 0      64           0.0.0.0:2049       0.0.0.0:*\n"
    monkeypatch.setattr(firewall_look, "run", lambda *argv: "[]" if argv[0] == "ip" else nfs)
    assert {Listener("tcp", 111, "rpcbind"), Listener("tcp", 2049)} <= set(firewall_look.listeners())


def test_a_socket_that_only_waits_for_an_answer_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([SOCKETS, SOCKETS.replace(":51820", ":51821")])
    monkeypatch.setattr(firewall_look, "run", lambda *argv: ADDRESSES if argv[0] == "ip" else next(answers))
    assert not any(one.protocol == "udp" for one in firewall_look.listeners())


SSHD: list[tuple[str, str, list[int]]] = [
    ("ActiveState=inactive\n", "port 2222\nport 22\naddressfamily any\n", [22, 2222]),
    ("ActiveState=active\nListen=0.0.0.0:2200 (Stream)\nListen=[::]:2200 (Stream)\n", "port 22\n", [2200]),
    ("", "", [22]),
]


@pytest.mark.parametrize(("socket", "configuration", "ports"), SSHD)
def test_the_ports_of_sshd_are_those_that_it_listens_on(
    socket: str, configuration: str, ports: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firewall_look, "run", lambda *argv: socket if argv[0] == "systemctl" else configuration)
    assert firewall_look.ssh_ports() == ports
