# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Do the live releases have known vulnerabilities? Asked for the apps whose `audit` is on, once a day.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._audit import look
from ansible_collections.slipway.flask.plugins.module_utils._audit.osv import Service
from ansible_collections.slipway.flask.plugins.module_utils._audit.wanted import Policy
from ansible_collections.slipway.flask.plugins.module_utils._doctor.base import Finding, UnknownError, note, problem
from ansible_collections.slipway.flask.plugins.module_utils._host.parameters import typed

DO = "Update the package and deploy, or accept it until a date in `audit` (docs/audit.md)"


def vulnerabilities(audits: Sequence[Mapping[str, Any]], now: float) -> Iterator[Finding]:
    """Which known vulnerabilities do the live releases have?"""
    failed = []
    for one in audits:
        service = Service(one["url"], seconds=look.SECONDS, tries=1)
        found = look.look(typed(Policy, one["audit"]), service, Path(one["root"]) / "current", now, keep=False)
        for row in found.get("vulnerabilities", ()):
            says = f"{one['app']}: {row['says']}"
            if row["counts"]:
                yield problem(says, DO)
            else:
                yield note(f"{says}; allowed until {row['allowed_until']}" if row["allowed_until"] else says)
        if found.get("error"):
            failed.append(f"{one['app']}: {found['error']}")
    if failed:
        raise UnknownError("; ".join(failed))
