#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""One round trip for a service that shall run with the newest of the files it reads."""

from __future__ import annotations

DOCUMENTATION = r"""
module: systemd_instance
short_description: Enable and start a service, and restart it if its files are newer
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Reloads systemd if the unit has changed on disk, enables the unit, and starts it, or restarts it if a file in
    O(files) is newer than its main process. No handler is needed, so the next run completes an interrupted one.
  - If the service doesn't start, the error message includes the end of its journal.
attributes:
  check_mode:
    support: full
    description: Shows what would be done.
options:
  name:
    description: Name of the unit, such as V(shop@7.service).
    type: str
    required: true
  files:
    description: Files that the service reads when it starts. Missing files are ignored.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Run release 7 of the shop
  slipway.flask.systemd_instance:
    name: shop@7.service
    files: [/etc/systemd/system/shop@.service, /etc/shop/environment]
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode.
  type: list
  elements: str
  returned: always
  sample: [shop@7.service enabled, shop@7.service started]
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._host.instance import Instance, InstanceError
from ansible_collections.slipway.flask.plugins.module_utils._host.told import told


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "files": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    instance = Instance(module.params["name"], module.params["files"], check=module.check_mode)
    try:
        actions = instance.ensure()
    except InstanceError as error:
        module.fail_json(msg=str(error), actions=[])
    module.exit_json(**told(actions))


if __name__ == "__main__":
    main()
