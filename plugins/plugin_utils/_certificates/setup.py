# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the role writes for certificates by ACME, and what is wrong with its variables. PRIVATE to the collection.

It may change without notice. Runs on the controller.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._certificates.acme import (
    DIRECTORIES,
    FOLDER,
    SERVICE,
    SETTINGS,
    TIMER,
    Settings,
    Site,
    url,
)
from ansible_collections.slipway.flask.plugins.module_utils._certificates.client import CA
from ansible_collections.slipway.flask.plugins.plugin_utils._library import library

Variables = Mapping[str, Any]

PROGRAM = "/usr/local/sbin/slipway-certificates"
LIBRARY = library.FOLDER
MODULES, OTHERS = "_certificates.program", ("_backup.program", "_metrics.program", "_upkeep.program")
"""What the program is made of, and others on a host that may need some of the same."""
FORMER = ("_acme", "_acme_client", "_acme_dns", "_acme_program", "_acme_reach", "_acme_renewal", "_tls_certificates")
"""What the sources were called, beside the package, before 0.2.0."""
UNITS = PurePosixPath("/etc/systemd/system")
PROFILES_FROM = (4, 0)
"""First version of certbot that can ask for a profile (its changelog)."""
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
WORD = re.compile(r"[A-Za-z0-9-]+")


def acme_sites(sites: Sequence[Variables]) -> list[Variables]:
    return [site for site in sites if site.get("certificate") == "acme"]


def settings_of(sites: Sequence[Variables], variables: Variables) -> Settings:
    """Return the settings that the host needs. VARIABLES are those of Settings, the directory by name or URL, and `ca`."""
    own = {key: value for key, value in variables.items() if key != "ca"}
    wanted = [
        Site(
            str(site["name"]),
            [name.lower() for name in [*site["domains"], *site.get("redirect_domains", [])]],
            bool(site.get("staging")),
        )
        for site in acme_sites(sites)
    ]
    own["dns_credentials"] = {str(key): str(value) for key, value in own["dns_credentials"].items()}
    return Settings(**{**own, "directory": url(own["directory"])}, has_ca=bool(variables["ca"]), sites=wanted)


def files(sites: Sequence[Variables], variables: Variables) -> list[dict[str, Any]]:
    """Return entries for slipway.flask.files: everything that renews certificates on the host; absent if no site needs it."""
    former = library.paths(FORMER)
    wanted = UNITS / "timers.target.wants" / TIMER
    if not acme_sites(sites):
        gone = [FOLDER / SETTINGS, FOLDER / CA, PROGRAM, *former, UNITS / SERVICE, UNITS / TIMER, wanted]
        return [*({"dest": str(path), "state": "absent"} for path in gone), *library.absent(MODULES, OTHERS)]
    return [
        {"dest": str(FOLDER), "state": "directory", "mode": "0700"},
        {"dest": str(FOLDER / SETTINGS), "content": settings_of(sites, variables).as_text(), "mode": "0600"},
        {"dest": str(FOLDER / CA), "content": variables["ca"].strip() + "\n"}
        if variables["ca"]
        else {"dest": str(FOLDER / CA), "state": "absent"},
        *library.files(MODULES),
        *({"dest": str(path), "state": "absent"} for path in former),
        {"src": "acme/program.py.j2", "dest": PROGRAM, "mode": "0755", "vars": {"library": str(LIBRARY)}},
        {"src": "acme/renewal.service.j2", "dest": str(UNITS / SERVICE), "vars": {"program": PROGRAM}},
        {"src": "acme/renewal.timer.j2", "dest": str(UNITS / TIMER)},
        {"dest": str(wanted.parent), "state": "directory"},
        {"dest": str(wanted), "state": "link", "to": str(UNITS / TIMER)},
    ]


def problems(sites: Sequence[Variables], variables: Variables, certbot: str, system: str) -> Iterator[str]:
    """Yield one sentence per mistake in the role's variables for ACME; none without a site that uses them.

    CERTBOT is the version that SYSTEM has.
    """
    wanted = acme_sites(sites)
    if not wanted:
        return
    directory, prefix = variables["directory"], "nginx_tls_acme_"
    if directory not in DIRECTORIES and not directory.startswith("https://"):
        yield f"{prefix}directory is '{directory}'; it must be {', '.join(DIRECTORIES)} or an https:// URL"
    if variables["email"] and not EMAIL.fullmatch(variables["email"]):
        yield f"{prefix}email is '{variables['email']}'; it must be one address, or empty"
    if directory == "zerossl" and not variables["eab_kid"]:
        yield f"{prefix}directory 'zerossl' needs {prefix}eab_kid and {prefix}eab_hmac_key, from your account's page there"
    if bool(variables["eab_kid"]) != bool(variables["eab_hmac_key"]):
        yield f"{prefix}eab_kid and {prefix}eab_hmac_key belong together: give both or none"
    if variables["ca"] and "-----BEGIN CERTIFICATE-----" not in variables["ca"]:
        yield f"{prefix}ca is not a PEM certificate; read the file: lookup('ansible.builtin.file', 'ca.pem')"
    version = tuple(int(part) for part in certbot.split(".")[:2])
    if variables["profile"] and version < PROFILES_FROM:
        yield (
            f"{prefix}profile is '{variables['profile']}', but certbot {certbot} of {system} can't ask for a profile; "
            "Debian 13 and Ubuntu 26.04 can, so leave it empty or use one of them"
        )
    yield from _challenge_problems(wanted, variables, prefix)


def _challenge_problems(wanted: Sequence[Variables], variables: Variables, prefix: str) -> Iterator[str]:
    challenge, provider = variables["challenge"], variables["dns_provider"]
    if challenge == "dns-01" and not WORD.fullmatch(provider):
        yield (
            f"{prefix}dns_provider is '{provider}'; dns-01 needs the name of one of certbot's plugins, "
            "such as cloudflare (package python3-certbot-dns-cloudflare)"
        )
    if challenge == "http-01" and (provider or variables["dns_credentials"]):
        yield f"{prefix}dns_provider and {prefix}dns_credentials are used only with '{prefix}challenge: dns-01'"
    for site in wanted if challenge == "http-01" else ():
        for domain in [*site["domains"], *site.get("redirect_domains", [])]:
            if domain.startswith("*."):
                yield (
                    f"nginx_tls_sites, site '{site['name']}': authorities give a certificate for '{domain}' "
                    f"only with '{prefix}challenge: dns-01'"
                )
