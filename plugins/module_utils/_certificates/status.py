# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with a site's certificate by ACME, long before it ends. PRIVATE: it may change without notice."""

from __future__ import annotations

import time
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._certificates import acme
from ansible_collections.slipway.flask.plugins.module_utils._certificates.acme import SERVICE, TIMER, Record, Settings
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd


def certificate_problems(name: str, folder: Path = acme.FOLDER) -> list[str]:
    """Return one sentence per problem of the certificate of the site NAME; none for one that is not from an authority."""
    try:
        settings = Settings.read(folder)
    except (OSError, ValueError, TypeError):
        return []
    site = next((site for site in settings.sites if site.name == name), None)
    if site is None:
        return []
    home = Path(settings.certificates) / name
    facts, record = acme.facts_of(home), Record.read(home)
    found = []
    if facts is None or facts.is_self_signed:
        said = f": {record.failure.message}" if record.failure else ""
        found.append(
            f"its certificate is self-signed, because none has been obtained from {settings.of(site).directory} yet{said}"
        )
    elif record.failure:
        left = acme.life(max(0.0, facts.not_after - time.time()))
        since, said = record.failure.since, record.failure.message
        found.append(f"its certificate is valid for another {left} and could not be renewed since {since}: {said}")
    found += [f"its certificate does not cover {domain}: {why}" for domain, why in record.left_out.items()]
    states = {unit: state(unit) for unit in (TIMER, SERVICE)}
    if states[TIMER] != "active":
        found.append(f"{TIMER} is {states[TIMER]}, so its certificate is not renewed; run site.yml")
    if states[SERVICE] == "failed" and not record.failure:
        found.append(f"{SERVICE} failed; see journalctl -u {SERVICE}")
    return found


def state(unit: str) -> str:
    return systemd.systemctl("show", "--property=ActiveState", "--value", unit).stdout.strip() or "unknown"
