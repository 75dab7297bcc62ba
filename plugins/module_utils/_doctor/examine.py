# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""All checks of a host, side by side: what each of them found, or why it can't tell.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date, datetime, timezone
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup.brief import brief
from ansible_collections.slipway.flask.plugins.module_utils._doctor import (
    certificates,
    database,
    mail,
    pythons,
    room,
    system,
    vulnerabilities,
)
from ansible_collections.slipway.flask.plugins.module_utils._doctor.base import (
    Finding,
    Host,
    UnknownError,
    note,
    problem,
)
from ansible_collections.slipway.flask.plugins.module_utils._upkeep import shipping
from ansible_collections.slipway.flask.plugins.module_utils._upkeep.brief import brief as upkeep_brief

Check = Callable[[], Iterable[Finding]]


def checks(
    host: Host, today: date, now: float, senders: Sequence[Mapping[str, Any]], audits: Sequence[Mapping[str, Any]] = (),
    behind: Sequence[str] = (),
) -> dict[str, Check]:  # fmt: skip
    """Return the checks by name, in the order in which a person reads them.

    SENDERS are the apps' mail servers (mail.py), AUDITS the apps whose packages are looked at (vulnerabilities.py), BEHIND
    those whose visitors come to an edge.
    """
    found: dict[str, Check] = {
        "distribution": lambda: system.distribution(host, today),
        "clock": lambda: system.clock(host),
        "disk": lambda: room.disks(host),
        "memory": lambda: room.memory(host),
        "out of memory": lambda: room.killed(host),
        "units": lambda: system.units(host),
        "services": lambda: system.stopped(host),
        "reboot": lambda: system.reboot(host),
        "libraries": lambda: system.libraries(host),
        "certificates": lambda: certificates.certificates(host, now, behind=behind),
        "postgresql": lambda: database.postgresql(host, today),
        "python": lambda: pythons.pythons(host, today),
        "logs": logs,
        "backups": backups,
        "upkeep": upkeep,
    }
    if audits:
        found["vulnerabilities"] = lambda: vulnerabilities.vulnerabilities(audits, now)
    if senders:
        found["mail"] = lambda: mail.mail(senders, mail.connect)
        if any(mail.is_local(str(one["host"])) for one in senders):
            found["reverse dns"] = lambda: mail.reverse(addresses(host), name_of, addresses_of)
    return found


def examine(found: Mapping[str, Check]) -> list[dict[str, Any]]:
    """Run all checks; return for each its name, what it found, and why it can't tell ("" when it can)."""
    with ThreadPoolExecutor(len(found)) as pool:
        return list(pool.map(lambda item: one(*item), found.items()))


def one(name: str, check: Check) -> dict[str, Any]:
    findings, unknown = list[Finding](), ""
    try:
        for finding in check():
            findings.append(finding)
    except UnknownError as error:
        unknown = str(error)
    except Exception as error:  # a check that breaks must not take the others with it
        unknown = f"{type(error).__name__}: {error}"
    return {"check": name, "findings": [vars(finding) for finding in findings], "unknown": unknown}


def backups() -> Iterable[Finding]:
    """Are there backups, and do they work? What the host keeps of their runs says so; no target is asked."""
    found = brief()
    do = "playbooks/backups.yml checks the targets; docs/backups.md explains each message"
    yield from (problem(text, do) for text in found.problems)
    yield from (note(text) for text in found.lines if not text.startswith("backups: "))


def logs() -> Iterable[Finding]:
    """Do the host's logs reach who they are sent to?"""
    if text := shipping.problem():
        yield problem(
            text,
            "Check that the receiver is running and that its certificate is the one in slipway_logs; see docs/logs.md",
        )


def upkeep() -> Iterable[Finding]:
    """Is the host kept up to date, and does anything listen that nobody asked for? Where site.yml has set that up."""
    found = upkeep_brief()
    yield from (problem(text, "See docs/host.md for what the upkeep does, and when") for text in found.problems)
    yield from (note(text) for text in found.lines)


def addresses(host: Host) -> list[str]:
    """Return the host's addresses, but for those that lead nowhere else."""
    said = host.run("ip", "-oneline", "address", "show", "scope", "global")[1]
    words = [line.split() for line in said.splitlines()]
    return [row[3].partition("/")[0] for row in words if len(row) > 3 and row[2] in ("inet", "inet6")]


def name_of(address: str) -> str:
    with suppress(OSError):
        return socket.gethostbyaddr(address)[0]
    return ""


def addresses_of(name: str) -> list[str]:
    with suppress(OSError):
        return [str(ipaddress.ip_address(str(row[4][0]).partition("%")[0])) for row in socket.getaddrinfo(name, None)]
    return []


def whole(
    host: Host,
    senders: Sequence[Mapping[str, Any]],
    audits: Sequence[Mapping[str, Any]] = (),
    behind: Sequence[str] = (),
) -> dict[str, Any]:
    """Return all that the host says of itself, with its addresses and its time for those who compare."""
    now = time.time()
    today = datetime.fromtimestamp(now, timezone.utc).date()
    return {
        "checks": examine(checks(host, today, now, senders, audits, behind)),
        "addresses": addresses(host),
        "time": time.time(),
    }
