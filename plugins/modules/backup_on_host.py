#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.backup."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_on_host
short_description: The host's half of slipway.flask.backup
version_added: 0.3.0
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

from dataclasses import asdict
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import brief, by_hand, places, state
from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin
from ansible_collections.slipway.flask.plugins.module_utils._release.progress import Progress

ARGUMENTS: dict[str, Any] = {
    "full": {"type": "bool", "default": False},
    "token": {"type": "str", "default": ""},
}


def main() -> None:
    module, asked = begin(ARGUMENTS)
    if not places.SETTINGS.exists():
        module.fail_json(msg=brief.NOTHING)
    if module.check_mode:
        module.exit_json(changed=True, outcome={})
    progress = Progress("backup", asked["token"])
    code, said = by_hand.run(asked["full"], progress.note)
    outcome = state.outcome("run")
    answer = {"changed": True, "outcome": asdict(outcome)} if outcome else {"changed": True}
    # The program keeps how it ended: of one that was killed there is only what it said.
    if outcome is None or (code and outcome.is_good):
        module.fail_json(msg="The backup was interrupted:\n" + "\n".join(said[-10:]))
    elif outcome.problems:
        msg = "\n".join(["The backup is not complete:", *(f"  - {one}" for one in outcome.problems)])
        module.fail_json(msg=msg, **answer)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
