# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How to read what ss says of the sockets of a host, and where sshd listens.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import ipaddress
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator

PROGRAM = re.compile(r'\(\("([^"]+)"')


def run(*argv: str) -> str:
    """Return what ARGV prints, "" when it can't be run or fails."""
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def is_inner(address: str, inside: Iterable[str] = ()) -> bool:
    """Tell whether an ADDRESS as ss prints it, [fe80::1]%eth0 for one, is on loopback or INSIDE of the host.

    What is no address counts as such: ss prints the names of processes as they are, and with a line break in its name
    any program can forge a line.
    """
    plain = address.partition("%")[0].strip("[]").removeprefix("::ffff:")
    if plain in ("*", ""):
        return False
    try:
        return plain in inside or ipaddress.ip_address(plain).is_loopback
    except ValueError:
        return True


def reachable(printed: str, inside: Iterable[str] = ()) -> Iterator[tuple[str, int, str]]:
    """Yield protocol, port and program of what the network can reach, from what `ss -Hlntup` PRINTED.

    That is neither on loopback nor on an address INSIDE of the host. The program is "" where ss knows none.
    """
    for line in printed.splitlines():
        words = line.split(None, 6)
        # A process may have a line break in its name, which ss prints as it is: what follows is no line of its own.
        if len(words) < 6 or words[0] not in ("tcp", "udp"):
            continue
        host, _, port = words[4].rpartition(":")
        if port.isdecimal() and not is_inner(host, inside):
            program = PROGRAM.search(words[6] if len(words) > 6 else "")
            yield words[0], int(port), printable(program[1]) if program else ""


def printable(name: str) -> str:
    """Return the NAME of a process, which it chooses itself, without what a terminal would take for a command."""
    return "".join(sign if sign.isprintable() else "?" for sign in name)


def ssh_ports(ask: Callable[..., str] = run) -> list[int]:
    """Return the ports that sshd has: those of its socket unit, where that is in use, or of its configuration."""
    shown = ask("systemctl", "show", "--property=ActiveState,Listen", "ssh.socket")
    if "ActiveState=active" in shown:
        found = re.findall(r"^Listen=\S*?(\d+) \(Stream\)", shown, re.MULTILINE)
    else:
        found = re.findall(r"^port (\d+)$", ask("/usr/sbin/sshd", "-T"), re.MULTILINE)
    return sorted({int(port) for port in found}) or [22]
