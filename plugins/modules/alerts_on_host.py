#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.alerts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: alerts_on_host
short_description: The host's half of slipway.flask.alerts
version_added: 0.5.0
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

from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._alerts.alertmanager import Alertmanager, AlertsError, Way
from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin

ARGUMENTS: dict[str, Any] = {
    "host": {"type": "str", "required": True},
    "by": {"type": "str", "required": True},
    "test": {"type": "bool", "default": False},
    "ways": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "kind": {"type": "str", "required": True},
            "number": {"type": "int", "required": True},
        },
    },
}


def main() -> None:
    module, asked = begin(ARGUMENTS)
    try:
        alertmanager = Alertmanager()
        firing = alertmanager.firing()
        ways = [Way(**way) for way in asked["ways"]]
        is_test = asked["test"] and not module.check_mode
        tested = alertmanager.test(ways, asked["host"], asked["by"]) if is_test else {}
    except AlertsError as error:
        module.fail_json(msg=str(error))
    ways_told = [{"way": way.name, "refused": tested[way.name]} for way in ways] if tested else []
    module.exit_json(changed=False, firing=firing, ways=ways_told)


if __name__ == "__main__":
    main()
