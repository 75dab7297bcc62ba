# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How a host looks from here: where its domains lead, whether its sites answer, and whether the clocks agree.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._doctor.base import Finding, listed, note, problem

SECONDS = 4
"""How long a site may take to answer."""
AT_ONCE = 16
APART_SECONDS = 30
"""Clocks that are further apart make certificates and sessions end at the wrong moment."""


def domains_of(apps: Iterable[Mapping[str, Any]]) -> list[tuple[str, str, bool]]:
    """Return domain, app and whether its certificate is self-signed, of all domains that can be asked for: no wildcards."""
    return [
        (domain, str(app["name"]), app["certificate"] == "self_signed")
        for app in apps
        for domain in (*app["domains"], *app["redirect_domains"])
        if not domain.startswith("*")
    ]


def resolve(name: str) -> list[str]:
    """Return the addresses of NAME; none when the DNS has none. Raises OSError when it can't be asked."""
    try:
        rows = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)):
            return []
        raise
    return sorted({str(ipaddress.ip_address(str(row[4][0]).partition("%")[0])) for row in rows})


def dns(
    names: Sequence[tuple[str, str, bool]], own: Collection[str], proxied: bool = False,
    ask: Callable[[str], list[str]] = resolve,
) -> Iterator[Finding]:  # fmt: skip
    """Does each of NAMES (domains_of) lead to one of the host's OWN addresses? PROXIED: something in front of it is trusted."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda name: _addresses(name[0], ask), names))
    here = ", ".join(sorted(own)) or "unknown"
    for (domain, app, _), addresses in zip(names, found, strict=True):
        if isinstance(addresses, str):
            yield problem(
                f"the DNS could not be asked for {domain}: {addresses}",
                "Try again; see whether this machine's DNS works",
            )
        elif not addresses:
            yield problem(
                f"{domain} ({app}) has no address in the DNS",
                f"Make an A record (and AAAA) for it at whoever serves your DNS; the host has {here}",
            )
        elif elsewhere := [one for one in addresses if one not in own]:
            says = f"{domain} ({app}) leads to {listed(elsewhere)}, and the host has {here}"
            if proxied:
                yield note(f"{says}: behind what is trusted as in front of it, that can be so")
            else:
                yield problem(
                    says,
                    "Correct or remove the record; behind a CDN or a load balancer, set nginx_tls_trusted_proxies (docs/front.md)",
                )


def _addresses(name: str, ask: Callable[[str], list[str]]) -> list[str] | str:
    try:
        return ask(name)
    except OSError as error:
        return error.strerror or str(error)


def https(
    names: Sequence[tuple[str, str, bool]], address: str, call: Callable[[str, str, bool], str] | None = None
) -> Iterator[Finding]:
    """Does each site answer over TLS at the host's ADDRESS, with a certificate that is trusted here? CALL says why not."""
    ask = call or handshake
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda name: ask(name[0], address, not name[2]), names))
    for (domain, app, _), why in zip(names, found, strict=True):
        if why:
            yield problem(
                f"https://{domain}/ ({app}) does not answer at {address}: {why}",
                f"See playbooks/status.yml -e app={app}; is port 443 open in your provider's firewall?",
            )


def handshake(domain: str, address: str, trusted: bool) -> str:
    """Return why no TLS with DOMAIN at ADDRESS comes about, "" when it does; TRUSTED: with a certificate that holds."""
    tls = ssl.create_default_context()
    if not trusted:
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((address, 443), timeout=SECONDS) as plain,
            tls.wrap_socket(plain, server_hostname=domain),
        ):
            return ""
    except ssl.SSLCertVerificationError as error:
        return f"its certificate does not hold: {error.verify_message}"
    except OSError as error:  # TLS errors among them
        return error.strerror or str(error) or type(error).__name__


def clock(theirs: float, before: float, after: float) -> Iterator[Finding]:
    """Do the clocks agree? THEIRS was read at some moment between BEFORE and AFTER of ours."""
    apart = theirs - after if theirs > after else min(0.0, theirs - before)
    if abs(apart) > APART_SECONDS:
        yield problem(
            f"the host's clock is {abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'} this machine's",
            "One of the two is wrong: see `timedatectl` on both",
        )
