#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.release."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_on_host
short_description: The host's half of slipway.flask.release
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

import json
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import code
from ansible_collections.slipway.flask.plugins.module_utils._host.task import HALF, begin
from ansible_collections.slipway.flask.plugins.module_utils._release import by_key, request
from ansible_collections.slipway.flask.plugins.module_utils._release.arguments import answer
from ansible_collections.slipway.flask.plugins.module_utils._release.deploy import Deploy
from ansible_collections.slipway.flask.plugins.module_utils._release.run import Outcome

PACKED: dict[str, Any] = {"type": "str", "default": "{}", "no_log": True}
"""JSON; see plugin_utils/_action/private.py."""


def argument_spec() -> dict[str, Any]:
    """Return what it may be asked."""
    return {**request.spec("deploy"), "commands": PACKED, "expected": PACKED}


def main() -> None:
    module, given = begin(argument_spec(), code.keep)
    asked = by_key.request_of(given)
    job = Deploy(asked, check=module.check_mode)

    def run() -> Outcome:
        if not module.check_mode:
            by_key.narrow(asked)
        outcome = job.deploy()
        if not module.check_mode and not outcome.need_archive and not outcome.hook:
            by_key.settle(asked, given, json.loads(module.params["task"]).get(HALF, {}).get("key", ""))
        return outcome

    if asked.plan:
        from ansible_collections.slipway.flask.plugins.module_utils._release.plan import Plan

        job = Plan(asked)
        run = job.plan
    answer(module, job, run, need_archive=lambda done: done.need_archive, plan=lambda done: done.plan)


if __name__ == "__main__":
    main()
