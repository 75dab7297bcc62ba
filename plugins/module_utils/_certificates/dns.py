# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What DNS says of a domain. PRIVATE to the collection: it may change without notice.

Not `getaddrinfo`: /etc/hosts has a say in that one, and cloud images write the host's own name there as 127.0.1.1.
"""

from __future__ import annotations

import secrets
import socket
import struct
from pathlib import Path

RESOLVED = Path("/run/systemd/resolve/resolv.conf")
"""The servers behind systemd-resolved (systemd-resolved(8)), whose own answers include /etc/hosts."""
RESOLV_CONF = Path("/etc/resolv.conf")
A, AAAA = 1, 28  # RFC 1035, 3.2.2; RFC 3596, 2.1
NO_SUCH_NAME = 3  # RFC 1035, 4.1.1
SECONDS, TRIES = 3.0, 2


class DnsError(RuntimeError):
    """Why a domain has no addresses, for a person."""


def addresses(domain: str) -> list[str]:
    """Return the IPv4 and IPv6 addresses of DOMAIN, in this order.

    :raises DnsError: when it has none, or nobody answers.
    """
    servers = nameservers()
    found = [address for kind in (A, AAAA) for address in ask(domain, kind, servers)]
    if not found:
        raise DnsError("DNS has neither an A nor an AAAA record for it")
    return found


def nameservers() -> list[str]:
    """Return the addresses of the DNS servers that this host asks."""
    source = RESOLVED if RESOLVED.is_file() else RESOLV_CONF
    rows = [row.split() for row in source.read_text().splitlines()] if source.is_file() else []
    return [row[1].partition("%")[0] for row in rows if len(row) > 1 and row[0] == "nameserver"] or ["127.0.0.1"]


def ask(domain: str, kind: int, servers: list[str]) -> list[str]:
    """Return the addresses of KIND (A or AAAA) that the first of SERVERS to answer gives.

    :raises DnsError: when the name does not exist, or no server answers.
    """
    number = secrets.randbelow(65_536)
    sent = query(number, domain, kind)
    said = "no DNS server is named in /etc/resolv.conf"
    for server in servers * TRIES:
        try:
            with socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM) as wire:
                wire.settimeout(SECONDS)
                wire.connect((server, 53))
                wire.send(sent)
                answer = wire.recv(4096)
            return parse(answer, number, kind)
        except (OSError, ValueError, IndexError, struct.error) as error:
            said = f"the DNS server {server} gives no answer ({error})"
    raise DnsError(said)


def query(number: int, domain: str, kind: int) -> bytes:
    """Return a question with EDNS (RFC 6891), so that long answers come over UDP too."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in domain.rstrip(".").split("."))
    return (
        struct.pack(">6H", number, 0x0100, 1, 0, 0, 1) + labels + b"\0" + struct.pack(">2H", kind, 1)
        + b"\0" + struct.pack(">2HIH", 41, 1232, 0, 0)
    )  # fmt: skip


def parse(answer: bytes, number: int, kind: int) -> list[str]:
    """Return the addresses of KIND in ANSWER.

    :raises DnsError: when the name does not exist.
    :raises ValueError: when it is no answer to the question with this NUMBER, or tells of a server's fault.
    """
    identity, flags, questions, answers, _, _ = struct.unpack_from(">6H", answer)
    code = flags & 0xF
    if identity != number or not flags & 0x8000:
        raise ValueError("an unexpected answer")
    if code == NO_SUCH_NAME:
        raise DnsError("the name does not exist in DNS")
    if code:
        raise ValueError(f"code {code}")
    place, found = 12, []
    for _ in range(questions):
        place = after_name(answer, place) + 4
    for _ in range(answers):
        place = after_name(answer, place)
        this, _, _, length = struct.unpack_from(">2HIH", answer, place)
        data = answer[place + 10 : place + 10 + length]
        if this == kind:
            found.append(socket.inet_ntop(socket.AF_INET if kind == A else socket.AF_INET6, data))
        place += 10 + length
    return found


def after_name(answer: bytes, place: int) -> int:
    """Return where a name that begins at PLACE ends: at a null byte, or behind a pointer (RFC 1035, 4.1.4)."""
    while answer[place]:
        if answer[place] >= 0xC0:
            return place + 2
        place += answer[place] + 1
    return place + 1
