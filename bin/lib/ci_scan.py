# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Looks for known vulnerabilities of the packages in a virtual environment, as a deploy with `audit: refuse` does.

`ci_scan.py ENVIRONMENT [--audit FILE]`. FILE is the YAML that describes the app: its `audit` has the severity that counts and
the exceptions. Secrets in it stay unread.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "collections"))

from ansible_collections.slipway.flask.plugins.module_utils._audit import installed, look, severity, verdict  # noqa: E402
from ansible_collections.slipway.flask.plugins.module_utils._audit.osv import AuditError, Service  # noqa: E402
from ansible_collections.slipway.flask.plugins.module_utils._audit.wanted import URL, Allowed, Policy  # noqa: E402
from ansible_collections.slipway.flask.plugins.plugin_utils._app import audit as app_audit  # noqa: E402


class ScanError(RuntimeError):
    """What is wrong, for the user."""


class Plain(yaml.SafeLoader):
    """Reads YAML with tags such as `!vault`, whose values nobody here needs."""


def _untagged(loader: Plain, suffix: str, node: yaml.Node) -> None:
    return None


yaml.add_multi_constructor("!", _untagged, Plain)


def policy_of(file: Path) -> Policy:
    """Return what the apps that FILE describes say of `audit`, all of them together; what is `off` there counts here."""
    try:
        found: Any = yaml.load(file.read_text(), Plain)  # noqa: S506  # a SafeLoader, which makes no objects
    except (OSError, yaml.YAMLError) as error:
        raise ScanError(f"{file} can't be read: {str(error).splitlines()[0]}") from error
    apps = found.get("slipway_apps") if isinstance(found, dict) else None
    if not isinstance(apps, list):
        raise ScanError(f"{file} has no list `slipway_apps`")
    said = [app["audit"] for app in apps if isinstance(app, dict) and app.get("audit")]
    if wrong := [text for one in said for text in app_audit.problems(one)]:
        raise ScanError("\n".join(wrong))
    whole = [app_audit.whole(one) for one in said]
    return Policy(
        "refuse",
        min((one["severity"] for one in whole), key=severity.LEVELS.index, default="low"),
        tuple(Allowed(**entry) for one in whole for entry in one["allow"]),
        tuple(pattern for one in whole for pattern in one["private"]),
    )


def scan(environment: Path, policy: Policy, service: Service) -> int:
    if not installed.packages(environment):
        raise ScanError(f"{environment} is not a virtual environment with packages: install the app into one first")
    now = time.time()
    answer = look.ask(policy, environment, service, now)
    found = verdict.verdict(policy, answer.vulnerabilities, look.today(now))
    for text in (*(f"reported: {one}" for one in verdict.listed(found.below)), *found.notes):
        print(text)
    if found.counts:
        print(verdict.refusal(policy, found))
        return 1
    print(f"No known vulnerabilities that count in {answer.packages} packages.")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="bin/ci scan")
    parser.add_argument("environment", type=Path, help="the virtual environment that the app was installed into")
    parser.add_argument("--audit", type=Path, help="the file that describes the app, for its `audit`")
    asked = parser.parse_args()
    try:
        policy = policy_of(asked.audit) if asked.audit else Policy("refuse")
        return scan(asked.environment, policy, Service(os.environ.get("SLIPWAY_AUDIT_URL") or URL))
    except (ScanError, AuditError) as error:
        print(f"slipway: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
