#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.files."""

from __future__ import annotations

DOCUMENTATION = r"""
module: files_on_host
short_description: The host's half of slipway.flask.files
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

from ansible_collections.slipway.flask.plugins.module_utils._host import written
from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin


def main() -> None:
    module, asked = begin(written.ARGUMENTS)
    try:
        done = written.write(asked, check=module.check_mode)
    except written.NotWritten as error:
        module.fail_json(msg=str(error), changed_files=error.changed_files)
    module.exit_json(**done.told(module._diff))


if __name__ == "__main__":
    main()
