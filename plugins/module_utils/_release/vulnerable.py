# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a release is made of: its bill of materials, and whether a deploy may go on with what is known to be vulnerable.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import time
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._audit import hashes, installed, look, sbom, verdict
from ansible_collections.slipway.flask.plugins.module_utils._audit.osv import AuditError, Service
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError


def describe(context: Context, project: Path) -> None:
    """Write the bill of materials of a release whose environment was built from PROJECT, for root; no release fails for it."""
    environment, record, request = context.here / "venv", context.record, context.request
    subject = sbom.Subject(
        record.app, record.id, record.revision, record.started, installed.python_version(environment)
    )
    try:
        files = hashes.files_of(project, request.requirements)
        text = sbom.document(subject, installed.packages(environment), files)
        context.write(context.here / sbom.NAME, text, 0, 0, 0o640)
    except (OSError, ValueError) as error:
        context.notes.append(f"no bill of materials was written: {error}")


def check(context: Context) -> None:
    """Ask for the vulnerabilities of the release's packages. Raises ReleaseError under `refuse`: for those, or for no answer."""
    policy, now = context.request.audit, time.time()
    if policy.mode == "off":
        return
    service = Service(context.request.audit_url, context.request.tools.ca_bundle)
    try:
        answer = look.ask(policy, context.here / "venv", service, now)
    except AuditError as error:
        if policy.mode == "refuse":
            raise ReleaseError(verdict.unanswered(str(error))) from None
        context.notes.append(f"the packages were not checked for known vulnerabilities: {error}")
        return
    answer.keep(context.here)
    context.record.vulnerable = [one.brief for one in answer.vulnerabilities]
    found = verdict.verdict(policy, answer.vulnerabilities, look.today(now))
    if found.counts and policy.mode == "refuse":
        raise ReleaseError(verdict.refusal(policy, found))
    context.notes += [f"vulnerable: {text}" for text in verdict.listed([*found.counts, *found.below])]
    context.notes += found.notes
