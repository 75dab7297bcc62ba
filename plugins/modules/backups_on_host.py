#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.backups."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backups_on_host
short_description: The host's half of slipway.flask.backups
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

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._backup import settings
from ansible_collections.slipway.flask.plugins.module_utils._backup.overview import overview
from ansible_collections.slipway.flask.plugins.module_utils._host.task import TASK, task_of

ARGUMENTS: dict[str, Any] = {"app": {"type": "str", "default": ""}}


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(argument_spec=TASK, supports_check_mode=True)
    asked = task_of(module, ARGUMENTS)
    found = settings.read()
    module.exit_json(changed=False, backups=overview(found, asked["app"]) if found else {})


if __name__ == "__main__":
    main()
