# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with the variables that hold for all sites. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._logs import mask

PROFILES = ("intermediate", "modern")
"""Of Mozilla's Server Side TLS guidelines 5.8. Their third, "old", has protocols that browsers refuse today."""
HTTP3_SINCE = (1, 25, 0)
"""First nginx with ngx_http_v3_module (its changelog, 23 May 2023)."""
PAGES = ("400", "401", "403", "404", "413", "414", "429", "431", "502", "503", "504")
"""Statuses that nginx answers with a page of its own."""
PRELOAD_SECONDS = 31_536_000
"""Least max-age that https://hstspreload.org takes a domain with: a year."""


def problems(settings: Mapping[str, Any]) -> list[str]:
    """Return one sentence per mistake in SETTINGS.

    SETTINGS has profile, http3, nginx (its version), trusted_proxies, status_port, worker_connections, pages,
    maintenance_allow, maintenance_retry_seconds and log_mask.
    """
    return [
        *_tls(settings),
        *_proxies(settings["trusted_proxies"]),
        *_numbers(settings),
        *_pages(settings),
        *_mask(settings),
    ]


def network(text: object) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Return the network that TEXT writes, an address being one of a single host; None for anything else."""
    try:
        return ipaddress.ip_network(str(text))
    except ValueError:
        return None


def network_problem(text: object) -> str:
    """Return how TEXT should be written to be an address or a network, "" when it is one."""
    if network(text) is not None:
        return ""
    try:
        return f"write '{ipaddress.ip_network(str(text), strict=False)}': the rest of the address has no meaning"
    except ValueError:
        return "it must be an address or a network, such as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32"


def _tls(settings: Mapping[str, Any]) -> Iterator[str]:
    if settings["profile"] not in PROFILES:
        yield f"nginx_tls_profile is '{settings['profile']}'; it must be one of {', '.join(PROFILES)}"
    version = tuple(int(part) for part in str(settings["nginx"]).split(".") if part.isdigit())
    if settings["http3"] and version < HTTP3_SINCE[: len(version)]:
        yield (
            f"nginx_tls_http3 is on, but this host has nginx {settings['nginx']} and HTTP/3 came with 1.25: "
            "turn it off for the host, or move it to Debian 13 or Ubuntu 26.04"
        )


def _proxies(proxies: list[Any]) -> Iterator[str]:
    for proxy in proxies:
        if problem := network_problem(proxy):
            yield f"nginx_tls_trusted_proxies has '{proxy}': {problem}"
        elif (found := network(proxy)) is not None and found.prefixlen == 0:
            yield f"nginx_tls_trusted_proxies has '{proxy}', which is everybody: any visitor could forge an address"


def _numbers(settings: Mapping[str, Any]) -> Iterator[str]:
    port = settings["status_port"]
    if isinstance(port, bool) or not str(port).isdigit() or not (int(port) == 0 or 1024 <= int(port) <= 65_535):
        yield f"nginx_tls_status_port is '{port}'; it must be 0 (none) or a port from 1024 to 65535"
    count = settings["worker_connections"]
    if isinstance(count, bool) or not str(count).isdigit() or not (int(count) == 0 or 64 <= int(count) <= 65_535):
        yield f"nginx_tls_worker_connections is '{count}'; it must be 0 (by memory) or a whole number from 64 to 65535"


def _mask(settings: Mapping[str, Any]) -> Iterator[str]:
    for name in settings["log_mask"]:
        if not mask.NAME.fullmatch(str(name)):
            yield f"nginx_tls_log_mask has '{name}'; it must be a parameter's name: letters, digits and . _ -, 64 at most"


def _pages(settings: Mapping[str, Any]) -> Iterator[str]:
    for status in settings["pages"]:
        if str(status) not in PAGES:
            yield f"nginx_tls_pages has '{status}'; nginx has pages for {', '.join(PAGES)}"
    for address in settings["maintenance_allow"]:
        if problem := network_problem(address):
            yield f"nginx_tls_maintenance_allow has '{address}': {problem}"
    seconds = settings["maintenance_retry_seconds"]
    if isinstance(seconds, bool) or not str(seconds).isdigit() or not 1 <= int(seconds) <= 86_400:
        yield f"nginx_tls_maintenance_retry_seconds is '{seconds}'; it must be a whole number from 1 to 86400"
