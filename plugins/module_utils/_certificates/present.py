# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The certificates of a host's sites: self-signed ones made where they are due, provided ones installed, and which ones to ask for.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._certificates.acme import (
    TIMER,
    Record,
    due_reason,
    facts_of,
    url,
)
from ansible_collections.slipway.flask.plugins.module_utils._certificates.store import CertificateError, Store, Wanted

ARGUMENTS: dict[str, Any] = {
    "folder": {"type": "path", "default": "/etc/nginx/tls"},
    "certificates": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "domains": {"type": "list", "elements": "str", "default": []},
            "certificate": {"type": "str", "default": ""},
            "acme": {"type": "bool", "default": False},
            "staging": {"type": "bool", "default": False},
        },
    },
    "acme_directory": {"type": "str", "default": ""},
    "acme_profile": {"type": "str", "default": ""},
    "private_keys": {"type": "dict", "default": {}, "no_log": True},
    "days": {"type": "int", "default": 825},
    "renew_days": {"type": "int", "default": 30},
}


@dataclass(frozen=True)
class Made:
    """Why each changed certificate was changed, and why each must be asked for, by name; whether the timer runs."""

    changes: dict[str, str] = field(default_factory=dict)
    due: dict[str, str] = field(default_factory=dict)
    renewing: bool = False

    @property
    def diffs(self) -> list[dict[str, str]]:
        return [
            {"before_header": title, "after_header": title, "before": "", "after": f"written anew: {reason}\n"}
            for title, reason in ((f"certificate {name}", reason) for name, reason in self.changes.items())
        ]


def ensure(asked: Mapping[str, Any], *, check: bool) -> Made:
    """Bring the certificates to what is ASKED, which is of ARGUMENTS. Raises CertificateError, which names the certificate."""
    store = Store(Path(asked["folder"]), days=asked["days"], renew_days=asked["renew_days"], check=check)
    changes: dict[str, str] = {}
    due: dict[str, str] = {}
    for entry in asked["certificates"]:
        wanted = Wanted(**entry, private_key=asked["private_keys"].get(entry["name"], ""))
        try:
            reason = store.ensure(wanted)
        except (CertificateError, OSError) as error:
            raise CertificateError(f"certificate '{wanted.name}': {error}") from error
        if reason:
            changes[wanted.name] = reason
        if wanted.acme and (reason := why_due(store.root / wanted.name, wanted, asked)):
            due[wanted.name] = reason
    return Made(changes, due, any(entry["acme"] for entry in asked["certificates"]) and is_active(TIMER))


def why_due(home: Path, wanted: Wanted, asked: Mapping[str, Any]) -> str:
    """Return why the certificate in HOME must be asked for, or ''."""
    directory, profile = url(asked["acme_directory"], wanted.staging), asked["acme_profile"]
    return due_reason(wanted.domains, directory, profile, facts_of(home), Record.read(home), time.time())


def is_active(unit: str) -> bool:
    return subprocess.run(["systemctl", "is-active", "--quiet", unit], check=False).returncode == 0
