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

from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import settings
from ansible_collections.slipway.flask.plugins.module_utils._backup.overview import overview
from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin

ARGUMENTS: dict[str, Any] = {"app": {"type": "str", "default": ""}}


def main() -> None:
    module, asked = begin(ARGUMENTS)
    found = settings.read()
    module.exit_json(changed=False, backups=overview(found, asked["app"]) if found else {})


if __name__ == "__main__":
    main()
