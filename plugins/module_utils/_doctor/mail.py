# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Can mail leave the host, for those apps that send any?

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._doctor.base import Finding, note, problem

EXCHANGES = ("gmail-smtp-in.l.google.com", "mx-aol.mail.gm0.yahoodns.net")
"""Hosts that take mail at port 25 for many people: nothing is sent to them, they are only called."""
SECONDS = 4
BLOCKED = (
    "Most providers block it on new hosts: ask yours to open it, or better, send through a mail service at port 587 or 465 "
    "(MAIL_SERVER, MAIL_PORT), which needs neither the port nor reverse DNS"
)


def mail(asked: Sequence[Mapping[str, Any]], connect: Callable[[str, int], str]) -> Iterator[Finding]:
    """Try the mail servers in the apps' environments; each of ASKED has app, variable, host and port. CONNECT says why not."""
    direct = [one for one in asked if is_local(str(one["host"]))]
    relays = [one for one in asked if one not in direct]
    with ThreadPoolExecutor(8) as pool:
        tried = list(pool.map(lambda one: connect(str(one["host"]), int(one["port"])), relays))
        exchanges = list(pool.map(lambda name: connect(name, 25), EXCHANGES)) if direct else []
    for one, why in zip(relays, tried, strict=True):
        if why:
            yield problem(
                f"{one['app']} sends mail through {one['host']}:{one['port']} ({one['variable']}), which can't be reached: {why}",
                BLOCKED if one["port"] == 25 else "Check the name and the port, and that no firewall blocks them",
            )
    if exchanges and all(exchanges):
        apps = ", ".join(sorted({str(one["app"]) for one in direct}))
        yield problem(f"{apps} send mail through this host, and outgoing port 25 is blocked: {exchanges[0]}", BLOCKED)


def reverse(
    addresses: Sequence[str], name_of: Callable[[str], str], addresses_of: Callable[[str], Sequence[str]]
) -> Iterator[Finding]:
    """Does each public address of the host lead to a name that leads back? Whoever takes mail from it asks.

    NAME_OF and ADDRESSES_OF ask the DNS; they return nothing where it has nothing.
    """
    for address in addresses:
        if not ipaddress.ip_address(address).is_global:
            continue
        name = name_of(address)
        do = (
            "Set the reverse DNS (PTR) of the address at your provider to a name whose A or AAAA record is this address"
        )
        if not name:
            yield problem(
                f"{address} has no reverse DNS, and the host sends mail itself: most of it will be refused", do
            )
        elif address not in addresses_of(name):
            yield problem(f"{address} has the reverse DNS {name}, which does not lead back to it", do)
    if addresses and not any(ipaddress.ip_address(address).is_global for address in addresses):
        yield note("the host has no public address of its own, so its reverse DNS was not looked at")


def is_local(host: str) -> bool:
    """Tell whether mail for HOST goes to a server on this host, which sends it on itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("", "localhost")


def connect(host: str, port: int) -> str:
    """Return why no connection to PORT of HOST comes about, "" when one does."""
    try:
        with socket.create_connection((host, port), timeout=SECONDS):
            return ""
    except OSError as error:
        return str(error).partition("] ")[2] or str(error) or type(error).__name__
