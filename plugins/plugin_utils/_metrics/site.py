# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The site at which a Prometheus elsewhere asks for the metrics: nginx has the certificate, the node exporter the password.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

NAME = "slipway-scrape"
CERTIFICATES = ("self_signed", "acme", "provided")
PASSWORD = 20
"""Fewest characters: what a password manager makes, or six words."""
UPSTREAM = "127.0.0.1:9100"
PROFILES = "/debug"
"""Below it, the node exporter has what its authors look at, such as its memory; whoever asks for metrics needs none of it."""


def problems(scrape: Mapping[str, Any], mode: str) -> Iterator[str]:
    """Yield what is wrong with SCRAPE, whose types are right; domain, addresses and files are nginx_tls's to look at."""
    if mode == "scrape" and not scrape:
        yield "scrape must have 'domain' and 'password' with the mode scrape"
    if not scrape:
        return
    password = str(scrape.get("password") or "")
    if len(password) < PASSWORD or not re.fullmatch(r"[!-~]+", password):
        made = "python3 -c 'import secrets; print(secrets.token_urlsafe(30))'"
        yield f"scrape.password must be {PASSWORD} characters or more, without blanks: make one with `{made}`"
    if not scrape.get("domain"):
        yield "scrape.domain is missing: the name at which your Prometheus asks, such as metrics.example.org"
    kind = scrape.get("certificate") or CERTIFICATES[0]
    if kind not in CERTIFICATES:
        yield f"scrape.certificate is '{kind}'; it must be one of {', '.join(CERTIFICATES)}"
    files = [key for key in ("certificate_file", "key_file") if scrape.get(key)]
    if (kind == "provided") != bool(files) or len(files) == 1:
        yield "scrape.certificate_file and scrape.key_file belong to `certificate: provided`, both of them"


def sites(scrape: Mapping[str, Any], mode: str) -> list[dict[str, Any]]:
    """Return the sites for nginx_tls: one, where somebody may ask from elsewhere."""
    if mode == "none" or not scrape or not scrape.get("domain"):
        return []
    kind = str(scrape.get("certificate") or CERTIFICATES[0])
    found: dict[str, Any] = {
        "name": NAME, "domains": [str(scrape["domain"])], "upstream": UPSTREAM, "certificate": kind,
        "hidden_paths": [PROFILES],
    }  # fmt: skip
    if kind == "provided":
        found |= {key: str(scrape.get(key) or "") for key in ("certificate_file", "key_file")}
    if scrape.get("from"):
        found["access"] = [{"path": "/", "allow": [str(one) for one in scrape["from"]]}]
    return [found]
