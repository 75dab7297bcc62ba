# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Do the certificates hold: their days, their chain, and what renews them?

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._certificates.status import certificate_problems
from ansible_collections.slipway.flask.plugins.module_utils._doctor.base import (
    Finding,
    Host,
    UnknownError,
    note,
    problem,
)

PLACES = ("/etc/nginx/tls/*/certificate.pem", "/etc/letsencrypt/live/*/fullchain.pem")
"""Slipway's own certificates; certbot's, on a host of somebody else."""
LATE, SOON = 7, 21
"""Days that are left: a problem, a note. An authority's certificate of 90 days is renewed with 30 left."""
LATE_SHARE, SOON_SHARE = LATE / 90, SOON / 90
"""Of the life of a certificate that is shorter than those: an authority's short-lived ones have 6 days."""
DAY = 86_400
READ = "Run site.yml and read `journalctl -u slipway-certificates`: it says why a renewal failed"
OWN, CERTBOT = "/etc/nginx/tls/", "/etc/letsencrypt/"


def certificates(
    host: Host, now: float, of_site: Callable[[str], list[str]] = certificate_problems, behind: Collection[str] = ()
) -> Iterator[Finding]:
    """Does each certificate have days left, and a chain that a browser trusts?

    OF_SITE returns what is wrong with the certificate by ACME of a site. BEHIND are the sites to which no browser comes: an edge
    in front of them has the certificate.
    """
    found = [path for place in PLACES for path in host.glob(place)]
    if not found:
        return
    trusted = []
    for path in found:
        code, said = host.run("openssl", "x509", "-noout", "-dates", "-subject", "-issuer", "-in", str(path))
        if code == 127:
            raise UnknownError("openssl is not installed")
        if code:
            yield problem(f"{path} is not a certificate", "Run site.yml to create a new one")
            continue
        fields = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        is_own = fields.get("subject", "").strip() == fields.get("issuer", "").strip()
        start, end = (ssl.cert_time_to_seconds(fields[name]) / DAY for name in ("notBefore", "notAfter"))
        yield from days(path, end - now / DAY, end - start)
        if is_own and path.parent.name in behind:
            continue
        if is_own:
            yield note(
                f"{path.parent.name}: the certificate is self-signed, which browsers reject",
                "Set `certificate: acme` for the app",
            )
        else:
            trusted.append(path)
            yield from chain(host, path)
        if f"/{path.relative_to(host.root)}".startswith(OWN):
            yield from (problem(f"{path.parent.name}: {text}", READ) for text in of_site(path.parent.name))
    yield from renewal(host, trusted)


def days(path: Path, left: float, life: float) -> Iterator[Finding]:
    """Are there days LEFT of the LIFE that the certificate at PATH has in all?"""
    name = path.parent.name
    if left < 0:
        yield problem(f"{name}: the certificate expired {-left:.0f} days ago", READ)
    elif left < min(LATE, LATE_SHARE * life):
        yield problem(f"{name}: the certificate expires in {left:.0f} days", READ)
    elif left < min(SOON, SOON_SHARE * life):
        yield note(f"{name}: the certificate expires in {left:.0f} days", READ)


def chain(host: Host, path: Path) -> Iterator[Finding]:
    """Does the file have all that leads to an authority that the host trusts?"""
    code, _ = host.run("openssl", "verify", "-no_check_time", "-untrusted", str(path), str(path))
    if code:
        yield problem(
            f"{path.parent.name}: the certificate does not chain to an authority that this host trusts: its chain is incomplete, "
            "or it comes from an authority of your own",
            "Put the intermediate certificates after the certificate in `certificate_file`",
        )


def renewal(host: Host, paths: list[Path]) -> Iterator[Finding]:
    """Does certbot renew the certificates of its own among PATHS? A host may have others renew them: it need not have the timer."""
    if not any(f"/{path.relative_to(host.root)}".startswith(CERTBOT) for path in paths):
        return
    said = host.run("systemctl", "show", "--property=LoadState,ActiveState", "certbot.timer")[1]
    shown = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    if shown.get("LoadState") == "loaded" and shown.get("ActiveState") != "active":
        yield problem(
            "certbot.timer is not running, so no certificate is renewed", "`systemctl enable --now certbot.timer`"
        )
