# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What an app's `audit` makes of the vulnerabilities that are known: which count, which somebody has allowed, and what to say.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ansible_collections.slipway.flask.plugins.module_utils._audit import severity
from ansible_collections.slipway.flask.plugins.module_utils._audit.installed import Package
from ansible_collections.slipway.flask.plugins.module_utils._audit.osv import Vulnerability
from ansible_collections.slipway.flask.plugins.module_utils._audit.wanted import Allowed, Policy
from ansible_collections.slipway.flask.plugins.module_utils._source.requirement import normalised

SHOWN = 20
"""Vulnerabilities that are named one by one."""


def asked(policy: Policy, packages: Iterable[Package]) -> list[Package]:
    """Return those of PACKAGES that the service is asked for: all that come from an index, but for the private ones."""
    patterns = [normalised(pattern) for pattern in policy.private]
    return [
        package
        for package in packages
        if not package.url and not any(fnmatch.fnmatchcase(package.name, pattern) for pattern in patterns)
    ]


@dataclass
class Verdict:
    """What a policy makes of VULNERABILITIES on the day TODAY (ISO 8601).

    counts: those at or above its severity that nobody has allowed; below: the others that nobody has; allowed: what
    somebody has, with their entry; ended: entries that count no longer and would be needed; idle: those that meet nothing.
    """

    counts: list[Vulnerability] = field(default_factory=list)
    below: list[Vulnerability] = field(default_factory=list)
    allowed: list[tuple[Vulnerability, Allowed]] = field(default_factory=list)
    ended: list[Allowed] = field(default_factory=list)
    idle: list[Allowed] = field(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """What a person should know beside the vulnerabilities that count, one sentence each."""
        return [
            *(f"allowed until {entry.until}: {one} ({entry.reason})" for one, entry in self.allowed),
            *(
                f"the exception for {entry.id} ended on {entry.until} and no longer counts ({entry.reason})"
                for entry in self.ended
            ),
            *(
                f"`audit` allows {entry.id}, which no installed package has: remove the entry"
                for entry in self.idle
            ),
        ]  # fmt: skip


def verdict(policy: Policy, vulnerabilities: Iterable[Vulnerability], today: str) -> Verdict:
    """Return what POLICY makes of VULNERABILITIES on the day TODAY."""
    found, met = Verdict(), set[str]()
    for one in vulnerabilities:
        entries = [entry for entry in policy.allow if entry.id.upper() in one.names]
        met |= {entry.id for entry in entries}
        valid = [entry for entry in entries if entry.until >= today]
        if valid:
            found.allowed.append((one, max(valid, key=lambda entry: entry.until)))
            continue
        found.ended += [entry for entry in entries if entry not in found.ended]
        (found.counts if severity.reaches(one.severity, policy.severity) else found.below).append(one)
    found.idle = [entry for entry in policy.allow if entry.id not in met]
    return found


def listed(vulnerabilities: Sequence[Vulnerability]) -> list[str]:
    """Return one sentence for each of VULNERABILITIES, as long as a person reads them."""
    more = len(vulnerabilities) - SHOWN
    return [*map(str, vulnerabilities[:SHOWN]), *([f"… and {more} more"] if more > 0 else [])]


def counted(vulnerabilities: Sequence[Vulnerability]) -> str:
    """Return how many VULNERABILITIES there are in how many packages."""
    many, packages = len(vulnerabilities), len({one.package for one in vulnerabilities})
    return f"{many} known vulnerabilit{'y' if many == 1 else 'ies'} in {packages} package{'s' if packages > 1 else ''}"


def refusal(policy: Policy, found: Verdict) -> str:
    """Return the error that stops a deploy: each vulnerability that counts, and what to do."""
    name = found.counts[0].name
    at_least = "" if policy.severity == severity.LEVELS[0] else f" of severity {policy.severity} or above"
    ended = [
        f"The exception for {entry.id} ended on {entry.until} and no longer counts ({entry.reason})."
        for entry in found.ended
    ]
    return "\n".join(
        [
            f"{counted(found.counts)}{at_least}, and `audit` is `refuse`:",
            *(f"- {text}" for text in listed(found.counts)),
            *ended,
            "Update them, or accept one until a date with an exception in the app: `audit: {mode: refuse, allow: [{id: "
            f"{name}, reason: …, until: YYYY-MM-DD}}]}}`. -e audit=report deploys this once",
        ]
    )


def unanswered(why: str) -> str:
    """Return the error that stops a deploy whose vulnerabilities nobody could tell: WHY."""
    return (
        f"the packages could not be checked for known vulnerabilities, and `audit` is `refuse`: {why}\n"
        "Let the host reach it, or set app_release_audit_url to a server that it reaches (docs/audit.md); -e audit=report "
        "deploys this once. A rollback is never checked"
    )
