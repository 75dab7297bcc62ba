#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.release_origin."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_origin_on_host
short_description: The host's half of slipway.flask.release_origin
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
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin
from ansible_collections.slipway.flask.plugins.module_utils._release import origin
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, ReleaseError

ARGUMENTS: dict[str, Any] = {
    "app": {"type": "str", "required": True},
    "root": {"type": "path", "required": True},
    "settings": {"type": "path", "required": True},
    "by": {"type": "str", "required": True},
    "folder": {"type": "path", "required": True},
}


def main() -> None:
    module, asked = begin(ARGUMENTS)
    try:
        found = origin.serving(Paths(asked["app"], Path(asked["root"]), Path(asked["settings"])), asked["by"])
        if found.archive:
            found.archive = origin.hand_over(found.archive, Path(asked["folder"]))
    except ReleaseError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, origin=asdict(found))


if __name__ == "__main__":
    main()
