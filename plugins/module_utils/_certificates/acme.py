# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wanted of an ACME authority, what is known of a certificate, and when a new one is due.

PRIVATE to the collection: it may change without notice. Runs on the controller and on the host, with nothing but the
standard library: the renewal on the host has no Ansible.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._certificates.store import (
    CERTIFICATE,
    DAY,
    CertificateError,
    Facts,
    describe,
)

DIRECTORIES = {
    "letsencrypt": "https://acme-v02.api.letsencrypt.org/directory",
    "letsencrypt-staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
    "zerossl": "https://acme.zerossl.com/v2/DV90",
}
"""Directories by name: https://letsencrypt.org/docs/acme-protocol-updates/ and https://zerossl.com/documentation/acme/"""

FOLDER = Path("/etc/nginx/acme")
"""Folder of the settings and of the account on a host; the certificates and their records are beside it."""
SETTINGS, RECORD = "settings.json", "acme.json"
SERVICE, TIMER = "slipway-certificates.service", "slipway-certificates.timer"

SHORT_DAYS = 10
SHARE, SHORT_SHARE = 1 / 3, 1 / 2
"""Share of its life that a certificate has left when it is renewed; the second for lives below SHORT_DAYS.
Certbot's own rule since 4.0 (its changelog), and Let's Encrypt's advice to renew after two thirds of the life."""


STAGING = {"letsencrypt": "letsencrypt-staging"}
"""What a staging site's certificate is asked from in place of an authority that limits how many a domain can have."""


def url(directory: str, staging: bool = False) -> str:
    """Return the URL of a directory that is given by name or by URL; with STAGING, of the one for staging if there is one."""
    names = {DIRECTORIES[name]: other for name, other in STAGING.items()} | STAGING
    chosen = names.get(directory, directory) if staging else directory
    return DIRECTORIES.get(chosen, chosen)


@dataclass(frozen=True)
class Site:
    """A site whose certificate comes from the authority, for all of `domains`."""

    name: str
    domains: list[str]
    staging: bool = False


@dataclass(frozen=True)
class Settings:
    """All that the host must know to ask for certificates; kept in FOLDER/SETTINGS, for root alone."""

    directory: str
    email: str = ""
    profile: str = ""
    challenge: str = "http-01"
    webroot: str = "/var/www/acme"
    check: bool = True
    strict: bool = False
    has_ca: bool = False
    eab_kid: str = ""
    eab_hmac_key: str = field(default="", repr=False)
    dns_provider: str = ""
    dns_credentials: dict[str, str] = field(default_factory=dict, repr=False)
    dns_wait_seconds: int = 30
    certificates: str = "/etc/nginx/tls"
    sites: list[Site] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> Settings:
        """Return what FOLDER holds. Raises OSError when it holds no settings."""
        found = json.loads((folder / SETTINGS).read_text())
        return cls(**{**found, "sites": [Site(**site) for site in found["sites"]]})

    def of(self, site: Site) -> Settings:
        """Return the settings that hold for SITE."""
        return replace(self, directory=url(self.directory, site.staging))

    def as_text(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"


@dataclass
class Failure:
    """Why a certificate could not be obtained: since when (the first time in a row), the last time (UTC), and what was said."""

    since: str
    last: str
    message: str


@dataclass
class Record:
    """What is known of a site's certificate beyond the file: where it is from and who was left out of it, and why."""

    directory: str = ""
    profile: str = ""
    serial: str = ""
    issued: str = ""
    left_out: dict[str, str] = field(default_factory=dict)
    failure: Failure | None = None

    @classmethod
    def read(cls, folder: Path) -> Record:
        """Return the record of the certificate in FOLDER; an empty one when there is none, or none that can be read."""
        try:
            found = json.loads((folder / RECORD).read_text())
            failure = found.pop("failure", None)
            return cls(**found, failure=Failure(**failure) if failure else None)
        except (OSError, ValueError, TypeError):
            return cls()

    def write(self, folder: Path) -> None:
        handle, temporary = tempfile.mkstemp(dir=folder)
        with os.fdopen(handle, "w") as stream:
            json.dump(asdict(self), stream, indent=2)
        Path(temporary).replace(folder / RECORD)

    def is_of(self, facts: Facts, directory: str) -> bool:
        """Tell whether the certificate with FACTS is the one that this was written for, and is from DIRECTORY."""
        return bool(facts.serial) and self.serial == facts.serial and self.directory == directory


def facts_of(home: Path) -> Facts | None:
    """Return what the certificate in a site's folder HOME says; None when there is none that can be read."""
    try:
        return describe(home / CERTIFICATE)
    except CertificateError:
        return None


def share_left(facts: Facts, now: float) -> float:
    """Return which share of its life a certificate has left at NOW (seconds since the epoch): 1 is all, 0 none."""
    return max(0.0, (facts.not_after - now) / max(1.0, facts.not_after - facts.not_before))


def renewal_share(facts: Facts) -> float:
    """Return the share of its life at which a certificate is renewed."""
    return SHORT_SHARE if facts.not_after - facts.not_before < SHORT_DAYS * DAY else SHARE


def is_late(facts: Facts, now: float) -> bool:
    """Tell whether half of the time for a renewal is over: from here on, some of the domains are better than none."""
    return share_left(facts, now) < renewal_share(facts) / 2


def age_reason(facts: Facts, now: float) -> str:
    """Return why the certificate must be renewed because of its age, or ''."""
    if share_left(facts, now) >= renewal_share(facts):
        return ""
    return f"{life(max(0.0, facts.not_after - now))} of {life(facts.not_after - facts.not_before)} are left"


def due_reason(
    domains: Iterable[str], directory: str, profile: str, facts: Facts | None, record: Record, now: float
) -> str:
    """Return why a site's certificate needs the authority, or at least a look at its domains; '' when it doesn't."""
    wanted = set(domains)
    if facts is None or facts.is_self_signed:
        return "there is none from the authority yet"
    if not record.is_of(facts, directory):
        return f"it is not from {directory}"
    if record.profile != profile:
        return f"its profile is '{record.profile}', not '{profile}'"
    if wanted - set(record.left_out) != facts.domains:
        return "the domains changed"
    if reason := age_reason(facts, now):
        return reason
    if waiting := sorted(wanted & set(record.left_out)):
        return f"{', '.join(waiting)} could not be obtained so far"
    return ""


def life(seconds: float) -> str:
    """Return a time as a person says it."""
    return f"{seconds / DAY:.0f} days" if seconds >= 3 * DAY else f"{seconds / 3600:.0f} hours"
