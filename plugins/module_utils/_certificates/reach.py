# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Whether an authority would find this host under a domain. PRIVATE to the collection: it may change without notice.

Each failed attempt counts against the authority's limits (Let's Encrypt: 5 an hour for a domain), so this host asks
itself first, in the way that the authority will: a random file over HTTP, at every address that DNS has for the domain.
Comparing addresses with those of the interfaces would refuse hosts behind NAT, a load balancer or a CDN.
"""

from __future__ import annotations

import http.client
import secrets
import socket
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._certificates import dns

URL = "/.well-known/acme-challenge/"  # RFC 8555, 8.3
PORT, SECONDS = 80, 5.0
RELOAD_SECONDS = 10.0
"""Longest time that nginx may take from a reload until it answers for a new domain."""
SETTLE_SECONDS = 1.0
"""After this, no worker of before a reload takes connections any more."""
AT_ONCE = 16


class _Connection(http.client.HTTPConnection):
    """HTTP to an address under a domain's name."""

    def __init__(self, domain: str, address: str) -> None:
        super().__init__(domain, PORT, timeout=SECONDS)
        self._address = address

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, PORT), SECONDS)


def unreachable(domains: Iterable[str], webroot: Path) -> dict[str, str]:
    """Return which of DOMAINS don't lead to the files in WEBROOT on this host, and why, for a person."""
    with token(webroot) as (name, content), ThreadPoolExecutor(AT_ONCE) as pool:
        names = list(domains)
        said = pool.map(lambda domain: why_not(domain, URL + name, content), names)
        return {domain: why for domain, why in zip(names, said, strict=True) if why}


@contextmanager
def token(webroot: Path) -> Iterator[tuple[str, str]]:
    """Put a random file where challenges are served from; yield its name and content."""
    folder = webroot / URL.strip("/")
    folder.mkdir(parents=True, exist_ok=True)
    name, content = f"slipway-{secrets.token_hex(8)}", secrets.token_hex(32)
    file = folder / name
    file.write_text(content)
    file.chmod(0o644)
    try:
        yield name, content
    finally:
        file.unlink()


def why_not(domain: str, path: str, content: str) -> str:
    """Return why the authority would not get CONTENT at PATH of DOMAIN, or ''."""
    deadline = time.monotonic() + RELOAD_SECONDS
    while here := fetch(domain, "127.0.0.1", path, content):
        if time.monotonic() > deadline:
            return f"nginx on this host does not serve it at {path.rpartition('/')[0]}/: it {here}"
        time.sleep(0.1)
    try:
        found = dns.addresses(domain)
    except dns.DnsError as error:
        return str(error)
    wrong = elsewhere(domain, found, path, content)
    if wrong:  # the workers of before a reload take a few more connections, and know no new domain
        time.sleep(SETTLE_SECONDS)
        wrong = elsewhere(domain, list(wrong), path, content)
    return "; ".join(f"{address} ({record(address)}) {why}" for address, why in wrong.items())


def elsewhere(domain: str, addresses: list[str], path: str, content: str) -> dict[str, str]:
    """Return which of ADDRESSES don't answer CONTENT at PATH of DOMAIN, and what is wrong with each."""
    return {address: why for address in addresses if (why := fetch(domain, address, path, content))}


def fetch(domain: str, address: str, path: str, content: str) -> str:
    """Return what is wrong with the answer of ADDRESS when it is asked for PATH of DOMAIN; '' when it is CONTENT."""
    connection = _Connection(domain, address)
    try:
        connection.request("GET", path, headers={"User-Agent": "slipway"})
        answer = connection.getresponse()
        body = answer.read(1000).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return f"can't be reached on port 80 from this host ({error or type(error).__name__})"
    finally:
        connection.close()
    if answer.status == 200 and body.strip() == content:
        return ""
    if 300 <= answer.status < 400:
        return f"redirects to {answer.getheader('Location')} instead of answering over HTTP"
    return f"is not this host, or something in front of it answers instead (status {answer.status})"


def record(address: str) -> str:
    return "AAAA" if ":" in address else "A"
