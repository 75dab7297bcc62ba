#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.release_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_info_on_host
short_description: The host's half of slipway.flask.release_info
version_added: 0.2.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.task
"""

EXAMPLES = r"""
[]
"""

RETURN = r"""
{}
"""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app import previews
from ansible_collections.slipway.flask.plugins.module_utils._app.described import DESCRIBED
from ansible_collections.slipway.flask.plugins.module_utils._app.health import Health
from ansible_collections.slipway.flask.plugins.module_utils._app.left import left
from ansible_collections.slipway.flask.plugins.module_utils._audit import look as audit
from ansible_collections.slipway.flask.plugins.module_utils._audit.osv import Service
from ansible_collections.slipway.flask.plugins.module_utils._audit.wanted import AUDITS, Policy
from ansible_collections.slipway.flask.plugins.module_utils._backup.brief import brief
from ansible_collections.slipway.flask.plugins.module_utils._host import code
from ansible_collections.slipway.flask.plugins.module_utils._host.parameters import typed
from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin
from ansible_collections.slipway.flask.plugins.module_utils._postgres import older, replication_look
from ansible_collections.slipway.flask.plugins.module_utils._release import sealed
from ansible_collections.slipway.flask.plugins.module_utils._release.info import history_of
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths
from ansible_collections.slipway.flask.plugins.module_utils._release.status import status_of
from ansible_collections.slipway.flask.plugins.module_utils._remove import journal as removals
from ansible_collections.slipway.flask.plugins.module_utils._upgrade import journal
from ansible_collections.slipway.flask.plugins.module_utils._upkeep import brief as upkeep

ARGUMENTS: dict[str, Any] = {
    "apps": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {**DESCRIBED, "domain": {"type": "str", "required": True}},
    },
    # Of their own, and secret as a whole: a URL may hold a password.
    "urls": {"type": "dict", "default": {}, "no_log": True},
    "limit": {"type": "int", "default": 20},
    "status": {"type": "bool", "default": False},
    "deep": {"type": "bool", "default": False},
    "audits": AUDITS,
    "known": {"type": "list", "elements": "str", "default": []},
}
AT_ONCE = 4
"""Apps looked at side by side: most of it is waiting for answers."""


def with_code(found: dict[str, Any], paths: Paths) -> dict[str, Any]:
    """Return the status FOUND with what a comparison of the releases' code with their seals tells."""
    code_ = sealed.look(paths)
    return {**found, "code": code_.lines, "problems": [*found["problems"], *code_.problems]}


def with_audit(found: dict[str, Any], paths: Paths, asked: dict[str, Any], keep: bool) -> dict[str, Any]:
    """Return the status FOUND with the known vulnerabilities of the live release, where they are to be looked at."""
    for one in asked["audits"]:
        if one["app"] == paths.app:
            service = Service(one["url"], seconds=audit.SECONDS, tries=1)
            policy = typed(Policy, one["audit"])
            found["audit"] = audit.look(policy, service, paths.current, time.time(), asked["deep"], keep)
    return found


def main() -> None:
    module, asked = begin(ARGUMENTS, code.keep)
    limit, urls = asked["limit"], asked["urls"]
    if limit < 1:
        module.fail_json(msg=f"limit is {limit}; it must be 1 or more (the number of entries to show)")

    def look(app: dict[str, Any]) -> dict[str, Any]:
        paths = Paths(app["app"], Path(app["root"]), Path(app["settings"]))
        if asked["status"]:
            found = status_of(paths, typed(Health, app["health"]), app["domain"], app["app"], urls.get(app["app"], ""))
            if not found.get("release") and (gone := removals.over(app["app"])):
                return {**found, "problems": [gone], "removed": True}
            found = with_audit(found, paths, asked, not module.check_mode)
            return with_code(found, paths) if asked["deep"] else found
        return history_of(paths, limit)

    more: dict[str, Any] = {}
    if asked["status"]:
        notes = [*older.said(), *replication_look.said(), *journal.said(), *removals.said(), *previews.said()]
        more = {
            "left": left(asked["known"]),
            "backups": asdict(brief()),
            "upkeep": asdict(upkeep.brief()),
            "notes": notes,
        }
    with ThreadPoolExecutor(AT_ONCE) as pool:
        module.exit_json(changed=False, apps=list(pool.map(look, asked["apps"])), **more)


if __name__ == "__main__":
    main()
