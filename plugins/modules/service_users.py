#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""One round trip for the users of all services, their groups and who else is in those groups."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_users
short_description: Create the users and groups of services, without a shell or home directory
version_added: 0.2.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.service_users
description:
  - Creates a system group and a system user for each service, with the shell V(/usr/sbin/nologin) and the home
    directory V(/nonexistent), and adds other users to the group, all in one round trip.
  - If the name belongs to a person's account or to the system, the task fails before anything is changed. Users are
    never removed from a group.
attributes:
  check_mode:
    support: full
    description: Shows what would be done. Users in O(users[].members) need not exist yet.
options:
  users:
    description: The users of the services.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Create a user for the shop whose files nginx may read
  slipway.flask.service_users:
    users:
      - name: shop
        members: [www-data]
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode.
  type: list
  elements: str
  returned: always
  sample: [group shop made, user shop made, www-data added to group shop]
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._host.service_user import (
    USER,
    ServiceUser,
    ServiceUserError,
    ensure,
)
from ansible_collections.slipway.flask.plugins.module_utils._host.told import told


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(
        argument_spec={"users": {"type": "list", "elements": "dict", "required": True, "options": USER}},
        supports_check_mode=True,
    )
    wanted = [ServiceUser.of(user, check=module.check_mode) for user in module.params["users"]]
    try:
        actions = ensure(wanted)
    except ServiceUserError as error:
        module.fail_json(msg=str(error), actions=[])
    module.exit_json(**told(actions))


if __name__ == "__main__":
    main()
