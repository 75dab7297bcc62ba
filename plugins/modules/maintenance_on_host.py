#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.maintenance."""

from __future__ import annotations

DOCUMENTATION = r"""
module: maintenance_on_host
short_description: The host's half of slipway.flask.maintenance
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

from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin
from ansible_collections.slipway.flask.plugins.module_utils._nginx.maintenance import MaintenanceError, switch

ARGUMENTS: dict[str, Any] = {
    "sites": {"type": "list", "elements": "str", "required": True},
    "closed": {"type": "bool", "required": True},
    "by": {"type": "str", "required": True},
    "look": {"type": "bool", "default": False},
}


def main() -> None:
    module, asked = begin(ARGUMENTS)
    try:
        different = switch(asked["sites"], asked["closed"], asked["by"], module.check_mode or asked["look"])
    except (MaintenanceError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(different), sites=different)


if __name__ == "__main__":
    main()
