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
from functools import partial
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._host import code
from ansible_collections.slipway.flask.plugins.module_utils._host.task import HALF, checked_by, opened
from ansible_collections.slipway.flask.plugins.module_utils._release import by_key, request
from ansible_collections.slipway.flask.plugins.module_utils._release.arguments import answer, told
from ansible_collections.slipway.flask.plugins.module_utils._release.deploy import Deploy
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.run import Outcome

PACKED: dict[str, Any] = {"type": "str", "default": "{}", "no_log": True}
"""JSON; see plugin_utils/_action/private.py."""
APPS = "apps"
"""Asks of each of several apps whether it needs a deploy at all (slipway.flask.release_live)."""


def argument_spec() -> dict[str, Any]:
    """Return what it may be asked."""
    return {**request.spec("deploy"), "commands": PACKED, "expected": PACKED}


def deploy(module: AnsibleModule, job: Deploy, given: dict[str, Any], key: str) -> Outcome:
    """Run JOB, as GIVEN; its deployers may repeat that with the code called KEY. Raises ReleaseError."""
    if module.check_mode:
        return job.deploy()
    by_key.narrow(job.request)
    outcome = job.deploy()
    if not (outcome.need_archive or outcome.due or outcome.hook):
        by_key.settle(job.request, given, key)
    return outcome


def live(module: AnsibleModule, given: dict[str, Any], key: str) -> dict[str, Any] | None:
    """Return what the deploy that is GIVEN would answer if it has nothing to do; None if it has, or fails."""
    job = Deploy(by_key.request_of(given), check=module.check_mode)
    try:
        outcome = deploy(module, job, given, key)
    except (ReleaseError, OSError):
        return None
    return None if outcome.due or outcome.changed else told(outcome)


def main() -> None:
    module = opened(code.keep)
    task = json.loads(module.params["task"])
    key = task.get(HALF, {}).get("key", "")
    if APPS in task:
        every = [checked_by(module, argument_spec(), {**one, "look": True}) for one in task[APPS]]
        module.exit_json(changed=False, apps=[live(module, given, key) for given in every])
    given = checked_by(module, argument_spec(), task)
    asked = by_key.request_of(given)
    if asked.plan:
        from ansible_collections.slipway.flask.plugins.module_utils._release.plan import Plan

        job: Deploy = (plan := Plan(asked))
        run = plan.plan
    else:
        job = Deploy(asked, check=module.check_mode)
        run = partial(deploy, module, job, given, key)
    answer(module, job, run, need_archive=lambda done: done.need_archive, plan=lambda done: done.plan)


if __name__ == "__main__":
    main()
