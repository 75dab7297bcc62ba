#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.export_data."""

from __future__ import annotations

DOCUMENTATION = r"""
module: export_data_on_host
short_description: The host's half of slipway.flask.export_data
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
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin
from ansible_collections.slipway.flask.plugins.module_utils._transfer import exporting, past
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError

ARGUMENTS: dict[str, Any] = {
    "app": {"type": "str", "required": True},
    "url": {"type": "str", "default": "", "no_log": True},
    "folders": {"type": "dict", "default": {}},
    "stamp": {"type": "str", "required": True},
    "at": {"type": "str", "default": ""},
    "owner": {"type": "str", "default": ""},
}


def main() -> None:
    module, asked = begin(ARGUMENTS)
    export = exporting.Export(asked["app"], asked["app"], asked["stamp"], asked["url"], asked["folders"])
    if asked["at"]:
        export = past.Past(asked["app"], asked["app"], asked["stamp"], at=asked["at"])
    try:
        if asked["owner"] and not module.check_mode:
            module.exit_json(changed=False, **exporting.begin(export, asked["owner"]))
        module.exit_json(changed=False, found=asdict(export.look()))
    except (DumpError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
