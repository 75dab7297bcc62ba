#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's side of slipway.flask.maintenance; the action plugin of the same name chooses the apps and prints."""

from __future__ import annotations

DOCUMENTATION = r"""
module: maintenance
short_description: Close the sites of apps for maintenance, or open them again
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.apps
description:
  - Visitors of a closed site get a page (JSON for programs) with status 503 and C(Retry-After). The host itself and
    C(nginx_tls_maintenance_allow) see the site, so that a release can be deployed and looked at.
  - Nothing is reloaded or restarted. A site stays closed until it is opened, whatever is deployed or provisioned.
  - Needs sites made by the role P(slipway.flask.nginx_tls#role).
attributes:
  check_mode:
    support: full
    description: Says what would be done.
options:
  state:
    description: V(on) closes the sites, V(off) opens them.
    type: str
    choices: ["on", "off"]
    required: true
"""

EXAMPLES = r"""
- name: Close the shop
  slipway.flask.maintenance:
    apps: "{{ slipway_apps }}"
    app: shop
    state: "on"
"""

RETURN = r"""
sites:
  description: The sites that were closed or opened; those that were so before are not among them.
  returned: success
  type: list
  elements: str
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._nginx_maintenance import MaintenanceError, switch


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(
        argument_spec={
            "sites": {"type": "list", "elements": "str", "required": True},
            "closed": {"type": "bool", "required": True},
            "by": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    asked = module.params
    try:
        different = switch(asked["sites"], asked["closed"], asked["by"], module.check_mode)
    except (MaintenanceError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(different), sites=different)


if __name__ == "__main__":
    main()
