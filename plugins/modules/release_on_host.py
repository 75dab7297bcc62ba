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
from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin
from ansible_collections.slipway.flask.plugins.module_utils._release import request
from ansible_collections.slipway.flask.plugins.module_utils._release.arguments import answer
from ansible_collections.slipway.flask.plugins.module_utils._release.deploy import Deploy

PACKED: dict[str, Any] = {"type": "str", "default": "{}", "no_log": True}
"""JSON; see plugin_utils/_action/private.py."""


def argument_spec() -> dict[str, Any]:
    """Return what it may be asked."""
    return {**request.spec("deploy"), "commands": PACKED, "expected": PACKED}


def request_of(parameters: dict[str, Any]) -> request.Request:
    """Return the request that PARAMETERS are, with those unpacked that the action plugin has packed."""
    packed = {**json.loads(parameters["commands"]), "expected_environment": json.loads(parameters["expected"])}
    return request.Request.of({**parameters, **packed})


def main() -> None:
    module, given = begin(argument_spec(), code.keep)
    asked = request_of(given)
    job = Deploy(asked, check=module.check_mode)
    run = job.deploy
    if asked.plan:
        from ansible_collections.slipway.flask.plugins.module_utils._release.plan import Plan

        job = Plan(asked)
        run = job.plan
    answer(module, job, run, need_archive=lambda done: done.need_archive, plan=lambda done: done.plan)


if __name__ == "__main__":
    main()
