#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.doctor."""

from __future__ import annotations

DOCUMENTATION = r"""
module: doctor_on_host
short_description: The host's half of slipway.flask.doctor
version_added: 0.4.0
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

import os
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app.described import PLACES
from ansible_collections.slipway.flask.plugins.module_utils._audit.wanted import AUDITS
from ansible_collections.slipway.flask.plugins.module_utils._doctor.base import Host
from ansible_collections.slipway.flask.plugins.module_utils._doctor.examine import whole
from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin
from ansible_collections.slipway.flask.plugins.module_utils._release.info import serving_of
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths

ARGUMENTS: dict[str, Any] = {
    "apps": {"type": "list", "elements": "dict", "default": [], "options": PLACES},
    "senders": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "app": {"type": "str", "required": True},
            "variable": {"type": "str", "required": True},
            "host": {"type": "str", "required": True},
            "port": {"type": "int", "required": True},
        },
    },
    "audits": AUDITS,
    "behind": {"type": "list", "elements": "str", "default": []},
}


def main() -> None:
    os.environ["RES_OPTIONS"] = "timeout:2 attempts:1"  # resolv.conf(5): nobody waits for a DNS that does not answer
    module, asked = begin(ARGUMENTS)
    found = {
        app["app"]: serving_of(Paths(app["app"], Path(app["root"]), Path(app["settings"]))) for app in asked["apps"]
    }
    module.exit_json(changed=False, serving=found, **whole(Host(), asked["senders"], asked["audits"], asked["behind"]))


if __name__ == "__main__":
    main()
