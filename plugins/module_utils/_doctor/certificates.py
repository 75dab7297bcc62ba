# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Do the certificates hold: their days, their chain, and what renews them?

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._doctor.base import (
    Finding,
    Host,
    UnknownError,
    note,
    problem,
)

PLACES = ("/etc/nginx/tls/*/certificate.pem", "/etc/letsencrypt/live/*/fullchain.pem")
"""Slipway's own certificates; certbot's, on a host of somebody else."""
OURS = "/etc/slipway/certificates"
LATE, SOON = 7, 21
"""Days that are left: a problem, a note. An authority's certificate of 90 days is renewed with 30 left."""
RENEWALS = {
    "/etc/nginx/tls/": ("slipway-certificates.timer", "site.yml"),
    "/etc/letsencrypt/": ("certbot.timer", "`systemctl enable --now certbot.timer`"),
}


def certificates(host: Host, now: float) -> Iterator[Finding]:
    """Does each certificate have days left, and a chain that a browser trusts?"""
    found = [path for place in PLACES for path in host.glob(place)]
    if not found:
        return
    trusted = []
    for path in found:
        code, said = host.run("openssl", "x509", "-noout", "-enddate", "-subject", "-issuer", "-in", str(path))
        if code == 127:
            raise UnknownError("there is no openssl")
        if code:
            yield problem(f"{path} is no certificate", "Run site.yml, which makes a new one")
            continue
        fields = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        is_own = fields.get("subject", "").strip() == fields.get("issuer", "").strip()
        yield from days(path, (ssl.cert_time_to_seconds(fields["notAfter"]) - now) / 86_400)
        if is_own:
            yield note(
                f"{path.parent.name}: the certificate is self-signed, which browsers refuse",
                "Set `certificate: acme` of the app",
            )
        else:
            trusted.append(path)
            yield from chain(host, path)
    yield from renewal(host, trusted)


def days(path: Path, left: float) -> Iterator[Finding]:
    """Are there days left?"""
    name, do = (
        path.parent.name,
        "Run site.yml and read `journalctl -u slipway-certificates`: it says why the renewal failed",
    )
    if left < 0:
        yield problem(f"{name}: the certificate ended {-left:.0f} days ago", do)
    elif left < LATE:
        yield problem(f"{name}: the certificate ends in {left:.0f} days", do)
    elif left < SOON:
        yield note(f"{name}: the certificate ends in {left:.0f} days", do)


def chain(host: Host, path: Path) -> Iterator[Finding]:
    """Does the file have all that leads to an authority that the host trusts?"""
    code, _ = host.run("openssl", "verify", "-no_check_time", "-untrusted", str(path), str(path))
    if code:
        yield problem(
            f"{path.parent.name}: the certificate leads to no authority that this host trusts: its chain is incomplete, or it is "
            "of an authority of your own",
            "Give `certificate_file` the certificate followed by those of the authorities between it and the root",
        )


def renewal(host: Host, paths: list[Path]) -> Iterator[Finding]:
    """Does what renews the certificates at PATHS run?"""
    for place, (timer, do) in RENEWALS.items():
        if not any(f"/{path.relative_to(host.root)}".startswith(place) for path in paths):
            continue
        said = host.run("systemctl", "show", "--property=LoadState,ActiveState", timer)[1]
        shown = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        if shown.get("LoadState") == "not-found":
            continue  # renewed by somebody else: provided ones are
        if shown.get("ActiveState") != "active":
            yield problem(f"{timer} does not run, so no certificate is renewed", f"Run {do}")
