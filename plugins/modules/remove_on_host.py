#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.remove."""

from __future__ import annotations

DOCUMENTATION = r"""
module: remove_on_host
short_description: The host's half of slipway.flask.remove
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

from ansible_collections.slipway.flask.plugins.module_utils._app.places import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin
from ansible_collections.slipway.flask.plugins.module_utils._remove.error import RemoveError
from ansible_collections.slipway.flask.plugins.module_utils._remove.removal import Removal

ARGUMENTS: dict[str, Any] = {
    "app": {"type": "str", "required": True},
    "what": {"type": "str", "choices": ["look", "stop", "remove"], "default": "look"},
    "by": {"type": "str", "default": ""},
    "forget": {"type": "bool", "default": False},
    "exported": {"type": "bool", "default": False},
}


def main() -> None:
    module, asked = begin(ARGUMENTS)
    removal = Removal(asked["app"], asked["by"], asked["forget"])
    try:
        if asked["what"] == "look" or module.check_mode:
            module.exit_json(changed=False, found=removal.look().told())
        if asked["what"] == "stop":
            module.exit_json(changed=True, found=removal.stop().told())
        module.exit_json(changed=True, notes=removal.remove(asked["exported"]))
    except (RemoveError, ReleaseError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'the host'}: {error.strerror}")


if __name__ == "__main__":
    main()
