#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The builder's half of slipway.flask.image_build."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image_build_on_host
short_description: The builder's half of slipway.flask.image_build
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

from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin
from ansible_collections.slipway.flask.plugins.module_utils._image.build import Asked, BuildError, build

ARGUMENTS: dict[str, Any] = {
    "app": {"type": "str", "required": True},
    "reference": {"type": "str", "required": True},
    "timestamp": {"type": "int", "required": True},
    "context": {"type": "path", "required": True},
    "folder": {"type": "path", "required": True},
    "engine": {"type": "str", "default": ""},
    "isolation": {"type": "str", "default": ""},
    "format": {"type": "str", "default": "docker"},
    "layers": {"type": "bool", "default": True},
    "insecure": {"type": "bool", "default": False},
    "user": {"type": "str", "default": ""},
    "password": {"type": "str", "default": "", "no_log": True},
    "push": {"type": "bool", "default": False},
    "save": {"type": "bool", "default": False},
    "index_url": {"type": "str", "default": "", "no_log": True},
    "extra_index_urls": {"type": "list", "elements": "str", "default": [], "no_log": True},
    "ca_bundle": {"type": "path", "default": ""},
}


def main() -> None:
    module, asked = begin(ARGUMENTS)
    try:
        module.exit_json(**build(Asked(**asked)))
    except BuildError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
