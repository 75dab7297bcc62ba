# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The vulnerabilities of one release: asked for at its deploy, kept beside it, and asked for again when that is a day old.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import calendar
import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._audit import installed
from ansible_collections.slipway.flask.plugins.module_utils._audit.osv import AuditError, Service, Vulnerability
from ansible_collections.slipway.flask.plugins.module_utils._audit.verdict import (
    Verdict,
    asked,
    counted,
    listed,
    verdict,
)
from ansible_collections.slipway.flask.plugins.module_utils._audit.wanted import Policy

NAME = "audit.json"
"""The file in a release's folder."""
FORMAT = "%Y-%m-%dT%H:%M:%SZ"
OLD_SECONDS = 86_400
SECONDS = 5
"""How long the service may take to answer somebody who only looks."""


@dataclass
class Answer:
    """What the service said: WHEN (UTC, ISO 8601) of how many PACKAGES; DEPLOYED are the names known at the deploy."""

    when: str
    packages: int
    vulnerabilities: list[Vulnerability] = field(default_factory=list)
    deployed: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, release: Path) -> Answer | None:
        """Return what is kept in the folder of a RELEASE, None when nothing is that can be read."""
        try:
            found = json.loads((release / NAME).read_text())
            known = [Vulnerability(**{**one, "also": tuple(one["also"])}) for one in found.pop("vulnerabilities")]
            time.strptime(found["when"], FORMAT)
            return cls(**found, vulnerabilities=known)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None

    def keep(self, release: Path) -> None:
        """Write it into the folder of a RELEASE, for root alone, whole or not at all."""
        new = release / f".{NAME}.new"
        new.unlink(missing_ok=True)
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(json.dumps(asdict(self), indent=2) + "\n")
        new.replace(release / NAME)

    def age(self, now: float) -> float:
        """Return the seconds since it was given."""
        return now - calendar.timegm(time.strptime(self.when, FORMAT))


def ask(policy: Policy, environment: Path, service: Service, now: float) -> Answer:
    """Ask SERVICE for the packages in ENVIRONMENT. Raises AuditError."""
    packages = asked(policy, installed.packages(environment))
    found = service.vulnerabilities(packages)
    return Answer(time.strftime(FORMAT, time.gmtime(now)), len(packages), found, sorted(one.name for one in found))


def today(now: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(now))


def look(
    policy: Policy, service: Service, release: Path, now: float, fresh: bool = False, keep: bool = True
) -> dict[str, Any]:
    """Return what is known of the RELEASE in that folder, in words and for programs; {} when `audit` is off.

    What is younger than a day is not asked for again, unless FRESH. Where the service does not answer, what it said last
    is told with its date.
    """
    if policy.mode == "off" or not (release / "venv").exists():
        return {}
    release = release.resolve()  # a switch may come between
    answer, failed = Answer.read(release), ""
    if answer is None or fresh or not 0 <= answer.age(now) < OLD_SECONDS:
        try:
            new = ask(policy, release / "venv", service, now)
        except AuditError as error:
            failed = str(error)
        else:
            new.deployed = answer.deployed if answer else new.deployed
            answer = new
            if keep:
                with suppress(OSError):
                    answer.keep(release)
    if answer is None:
        return {"checked": "", "packages": 0, "vulnerabilities": [], "lines": [f"not checked for vulnerabilities: {failed}"],
                "error": failed}  # fmt: skip
    found = verdict(policy, answer.vulnerabilities, today(now))
    return {
        "checked": answer.when,
        "packages": answer.packages,
        "vulnerabilities": _rows(found, answer),
        "lines": [
            *_lines(found, answer),
            *([f"the vulnerabilities could not be asked for again: {failed}"] if failed else []),
        ],
        "error": failed,
    }


def _rows(found: Verdict, answer: Answer) -> list[dict[str, Any]]:
    """Return the vulnerabilities for programs: `counts` for those at which a deploy would be refused, or that are reported."""
    allowed = {(one.package, one.name): entry for one, entry in found.allowed}
    return [
        {
            **asdict(one),
            "says": str(one),
            "counts": one in found.counts,
            "new": one.name not in answer.deployed,
            "allowed_until": allowed[one.package, one.name].until if (one.package, one.name) in allowed else "",
        }
        for one in answer.vulnerabilities
    ]


def _lines(found: Verdict, answer: Answer) -> list[str]:
    """Return what a person reads of it."""
    when, open_ = f"{answer.when[:16].replace('T', ' ')} UTC", [*found.counts, *found.below]
    if not open_:
        others = " but those that are allowed" if found.allowed else ""
        return [f"no known vulnerabilities{others} in {answer.packages} packages (checked {when})", *found.notes]
    new = sum(one.name not in answer.deployed for one in open_)
    since = f", {new} new since its deploy" if new else ""
    return [
        f"{counted(open_)}{since} (checked {when})",
        *(f"vulnerable: {text}" for text in listed(open_)),
        *found.notes,
    ]
