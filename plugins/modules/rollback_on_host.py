#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.rollback."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rollback_on_host
short_description: The host's half of slipway.flask.rollback
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
from ansible_collections.slipway.flask.plugins.module_utils._host.task import TASK, task_of
from ansible_collections.slipway.flask.plugins.module_utils._release.arguments import answer
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Request, spec
from ansible_collections.slipway.flask.plugins.module_utils._release.rollback import Rollback


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(argument_spec=TASK, supports_check_mode=True)
    if not module.check_mode:
        code.keep(module.params["task"])
    job = Rollback(Request.of(task_of(module, spec("rollback"))), check=module.check_mode)
    answer(module, job, job.roll_back)


if __name__ == "__main__":
    main()
