#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.nginx_sites."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_sites_on_host
short_description: The host's half of slipway.flask.nginx_sites
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

from ansible_collections.slipway.flask.plugins.module_utils._certificates import present
from ansible_collections.slipway.flask.plugins.module_utils._certificates.store import CertificateError
from ansible_collections.slipway.flask.plugins.module_utils._host import written
from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin


def main() -> None:
    module, asked = begin({**present.ARGUMENTS, **written.ARGUMENTS})
    made = present.Made()

    def certificates() -> bool:
        nonlocal made
        made = present.ensure(asked, check=module.check_mode)
        return bool(made.changes)

    try:
        # nginx reads them when it is reloaded: where a run is killed before that, the next one makes up for it.
        done = written.write(asked, check=module.check_mode, before=certificates)
    except CertificateError as error:
        module.fail_json(msg=str(error), changed_files=[])
    except written.NotWritten as error:
        module.fail_json(msg=str(error), changed_files=error.changed_files, changes=made.changes)
    told = done.told(module._diff)
    if module._diff:
        told["diff"] = [*made.diffs, *told["diff"]]
    told["changed"] = told["changed"] or bool(made.changes)
    module.exit_json(**told, changes=made.changes, due=made.due, renewing=made.renewing)


if __name__ == "__main__":
    main()
