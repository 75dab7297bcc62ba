#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.image_context."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image_context_on_host
short_description: The host's half of slipway.flask.image_context
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

from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin
from ansible_collections.slipway.flask.plugins.module_utils._image import release
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, ReleaseError

ARGUMENTS: dict[str, Any] = {
    "app": {"type": "str", "required": True},
    "root": {"type": "path", "required": True},
    "settings": {"type": "path", "required": True},
    "by": {"type": "str", "required": True},
    "folder": {"type": "path", "required": True},
    "written": {"type": "list", "elements": "str", "required": True},
    "left_out": {"type": "list", "elements": "str", "required": True},
}


def main() -> None:
    module, asked = begin(ARGUMENTS)
    try:
        found = release.hand_over(
            Paths(asked["app"], Path(asked["root"]), Path(asked["settings"])), asked["by"],
            asked["written"], asked["left_out"], Path(asked["folder"]),
        )  # fmt: skip
    except ReleaseError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, release=found)


if __name__ == "__main__":
    main()
