# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""DNS answers as servers send them, and what is made of bad ones."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._certificates import dns as dns

NAME = b"\x01a\x07example\x00"
FOUR, SIX = bytes([192, 0, 2, 1]), bytes.fromhex("20010db8" + "0" * 22 + "01")


def answer(records: list[tuple[int, bytes]], number: int = 7, flags: int = 0x8180) -> bytes:
    """An answer to a question for a.example whose RECORDS are of (kind, data), the name compressed as servers do."""
    rows = [b"\xc0\x0c" + struct.pack(">2HIH", kind, 1, 60, len(data)) + data for kind, data in records]
    return struct.pack(">6H", number, flags, 1, len(rows), 0, 0) + NAME + struct.pack(">2H", 1, 1) + b"".join(rows)


@pytest.mark.parametrize(
    ("records", "kind", "found"),
    [
        ([(1, FOUR)], dns.A, ["192.0.2.1"]),
        ([(28, SIX)], dns.AAAA, ["2001:db8::1"]),
        ([(5, b"\x01b\xc0\x0e"), (1, FOUR), (1, bytes(4))], dns.A, ["192.0.2.1", "0.0.0.0"]),
        ([(5, b"\x01b\xc0\x0e")], dns.AAAA, []),
        ([], dns.A, []),
    ],
)
def test_addresses_are_read(records: list[tuple[int, bytes]], kind: int, found: list[str]) -> None:
    assert dns.parse(answer(records), 7, kind) == found


def test_a_name_that_does_not_exist_is_told() -> None:
    with pytest.raises(dns.DnsError, match="the name does not exist in DNS"):
        dns.parse(answer([], flags=0x8183), 7, dns.A)


@pytest.mark.parametrize("bad", [answer([], number=8), answer([], flags=0x0100), answer([], flags=0x8182)])
def test_other_answers_are_none(bad: bytes) -> None:
    with pytest.raises(ValueError):
        dns.parse(bad, 7, dns.A)


def test_a_question_holds_the_name() -> None:
    asked = dns.query(7, "a.example.", dns.AAAA)
    assert asked[12:].startswith(NAME + b"\x00\x1c\x00\x01")


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("search x\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\n", ["192.0.2.53", "fe80::1"]),
        ("", ["127.0.0.1"]),
    ],
)
def test_servers_are_those_of_the_host(
    text: str, servers: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "resolv.conf").write_text(text)
    monkeypatch.setattr(dns, "RESOLVED", tmp_path / "none")
    monkeypatch.setattr(dns, "RESOLV_CONF", tmp_path / "resolv.conf")
    assert dns.nameservers() == servers


def test_a_server_that_is_down_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns, "nameservers", lambda: ["127.0.0.253"])
    monkeypatch.setattr(dns, "SECONDS", 0.1)
    with pytest.raises(dns.DnsError, match=r"the DNS server 127\.0\.0\.253 gives no answer"):
        dns.addresses("a.example")


def test_a_name_without_addresses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns, "ask", lambda *_: [])
    with pytest.raises(dns.DnsError, match="neither an A nor an AAAA record"):
        dns.addresses("a.example")
