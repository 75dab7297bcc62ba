#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.packages."""

from __future__ import annotations

DOCUMENTATION = r"""
module: packages_on_host
short_description: The host's half of slipway.flask.packages
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

import base64
import io
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import packages
from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin
from ansible_collections.slipway.flask.plugins.module_utils._python import uv_ahead
from ansible_collections.slipway.flask.plugins.module_utils._python.ahead import ENVIRONMENT, Ahead
from ansible_collections.slipway.flask.plugins.module_utils._release.archive import unpack
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError

ARGUMENTS: dict[str, Any] = {
    "name": {"type": "list", "elements": "str", "required": True},
    "files": {"type": "dict", "default": {}},
    "uv": {"type": "dict", "options": uv_ahead.OPTIONS},
    "environments": {"type": "list", "elements": "dict", "default": [], "options": ENVIRONMENT},
    "cache_seconds": {"type": "int", "default": 86400},
    "lock_seconds": {"type": "int", "default": 1800},
}


def unpacked(source: str, folder: Path) -> None:
    """Write a SOURCE, in base64, into the FOLDER. Raises ValueError."""
    try:
        unpack(io.BytesIO(base64.b64decode(source)), folder)
    except ReleaseError as error:
        raise ValueError(str(error)) from error


def main() -> None:
    module, asked = begin(ARGUMENTS)
    wanted = packages.missing(asked["name"]) if asked["name"] else []
    if wanted and not module.check_mode:
        ahead = Ahead(asked["environments"], unpacked)
        try:
            packages.write_first(asked["files"])
            with uv_ahead.fetched(asked["uv"], ahead.build, ahead.give_up):
                waited = packages.install(wanted, asked["cache_seconds"], asked["lock_seconds"])
        except packages.PackagesError as error:
            module.fail_json(msg=str(error))
        if waited:
            module.warn(waited)
    module.exit_json(changed=bool(wanted), installed=wanted)


if __name__ == "__main__":
    main()
