# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What listens for everybody on this host, and whether anybody asked for that.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection, Iterator

from ansible_collections.slipway.flask.plugins.module_utils._access import sockets

ADDRESS = re.compile(r"(.*):(\d+)")
PROGRAM = re.compile(r'\(\("([^"]+)"')
CLIENTS = {"68/udp", "546/udp", "123/udp", "323/udp"}
"""What clients of DHCP and NTP answer on."""


def listening(rows: str) -> dict[str, str]:
    """Return port and program, such as {5432/tcp: postgres}, of what listens beyond the host itself, from `ss -Hltunp`."""
    found: dict[str, str] = {}
    for row in rows.splitlines():
        columns = row.split(None, 6)
        # A process may have a line break in its name, which ss prints as it is: what follows is no row of its own.
        match = ADDRESS.fullmatch(columns[4]) if len(columns) > 4 and columns[0] in ("tcp", "udp") else None
        if match and not sockets.is_inner(match[1]):
            program = PROGRAM.search(columns[6]) if len(columns) > 6 else None
            found.setdefault(f"{match[2]}/{columns[0]}", sockets.printable(program[1]) if program else "unknown")
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
                f"{program} listens for everybody on port {port}, which nobody asked for: bind it to 127.0.0.1 or remove it, or "
                "name the port in slipway_firewall_allow"
            )


def look(ports: Collection[str]) -> list[str]:
    """Return what is unasked for on this host now; sshd is always asked for, on whatever port."""
    done = subprocess.run(["ss", "-Hltunp"], capture_output=True, text=True, errors="replace", check=False)
    return list(unasked(done.stdout, [*ports, *(f"{port}/tcp" for port in sockets.ssh_ports())]))
