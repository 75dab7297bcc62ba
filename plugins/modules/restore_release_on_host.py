#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.restore_release: one app."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore_release_on_host
short_description: The host's half of slipway.flask.restore_release
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

import json
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import code
from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin
from ansible_collections.slipway.flask.plugins.module_utils._release import request
from ansible_collections.slipway.flask.plugins.module_utils._release.arguments import answer
from ansible_collections.slipway.flask.plugins.module_utils._restore.comeback import Comeback

PACKED: dict[str, Any] = {"type": "str", "default": "{}", "no_log": True}
"""JSON; see plugin_utils/_action/private.py."""


def main() -> None:
    module, asked = begin({**request.spec("deploy"), "commands": PACKED, "expected": PACKED}, code.keep)
    job = Comeback(request.Request.of({**asked, **json.loads(asked["commands"])}))
    answer(module, job, job.come_back)


if __name__ == "__main__":
    main()
