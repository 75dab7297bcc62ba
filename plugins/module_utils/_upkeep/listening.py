# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Sockets that listen on all addresses of the host, and whether they are expected.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Iterator

from ansible_collections.slipway.flask.plugins.module_utils._access import sockets

CLIENTS = {"68/udp", "546/udp", "123/udp", "323/udp"}
"""What clients of DHCP and NTP answer on."""


def listening(rows: str) -> dict[str, str]:
    """Return port and program, such as {5432/tcp: postgres}, of what listens beyond the host itself, from `ss -Hltunp`."""
    found: dict[str, str] = {}
    for protocol, port, program in sockets.reachable(rows):
        found.setdefault(f"{port}/{protocol}", program or "unknown")
    return found


def _is_of(port: str, asked: str) -> bool:
    """Tell whether a port such as 443/tcp is what was asked for, which may be a range (6000-6010/tcp)."""
    number, _, protocol = port.partition("/")
    wanted, _, wanted_protocol = asked.partition("/")
    first, _, last = wanted.partition("-")
    return protocol == wanted_protocol and int(first) <= int(number) <= int(last or first)


def unasked(rows: str, ports: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each port that is open beyond PORTS."""
    for port, program in sorted(listening(rows).items(), key=lambda one: (int(one[0].partition("/")[0]), one[0])):
        if port not in CLIENTS and not any(_is_of(port, asked) for asked in ports):
            yield (
                f"{program} listens on port {port} for everybody, which was not configured: bind it to 127.0.0.1, "
                "remove it, or list the port in slipway_firewall_allow"
            )


def look(ports: Collection[str]) -> list[str]:
    """Return what is unasked for on this host now; sshd is always asked for, on whatever port."""
    done = subprocess.run(["ss", "-Hltunp"], capture_output=True, text=True, errors="replace", check=False)
    return list(unasked(done.stdout, [*ports, *(f"{port}/tcp" for port in sockets.ssh_ports())]))
