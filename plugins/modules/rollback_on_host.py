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


from ansible_collections.slipway.flask.plugins.module_utils._host import code
from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin
from ansible_collections.slipway.flask.plugins.module_utils._release.arguments import answer
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Request, spec
from ansible_collections.slipway.flask.plugins.module_utils._release.rollback import Rollback


def main() -> None:
    module, asked = begin(spec("rollback"), code.keep)
    job = Rollback(Request.of(asked), check=module.check_mode)
    answer(module, job, job.roll_back)


if __name__ == "__main__":
    main()
