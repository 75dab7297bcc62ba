#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of an action plugin, from the code that an earlier call has kept on the host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kept_half
short_description: The host's half of an action plugin, run from code that is already on the host
version_added: 0.2.0
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

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._host import code
from ansible_collections.slipway.flask.plugins.module_utils._host.task import TASK


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(argument_spec=TASK, supports_check_mode=True)
    code.run(module, module.params["task"])


if __name__ == "__main__":
    main()
