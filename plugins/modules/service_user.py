#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""One round trip for a service's user, its group and who else is in that group."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_user
short_description: Make a service's user and group, without shell or home
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Makes a system group and a system user with the shell V(/usr/sbin/nologin) and the home V(/nonexistent), and adds
    other users to the group, in one round trip.
  - An account of that name that is a person's or the system's own is refused before anything is changed. Nobody is ever
    taken out of a group.
attributes:
  check_mode:
    support: full
    description: Says what would be done. Users of O(members) that do not exist yet are let through.
options:
  name:
    description: Name of the user.
    type: str
    required: true
  group:
    description: Name of its group; that of O(name) when empty.
    type: str
    default: ""
  members:
    description: Other users that shall be in the group, such as the web server's.
    type: list
    elements: str
    default: []
  comment:
    description: Comment of a newly made user.
    type: str
    default: ""
  must_be_free:
    description: Paths that must not exist when the user is made, as they would show that the name is something else's.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Make the user of the shop, whose files nginx may read
  slipway.flask.service_user:
    name: shop
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
from ansible_collections.slipway.flask.plugins.module_utils._host.service_user import ServiceUser, ServiceUserError


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "group": {"type": "str", "default": ""},
            "members": {"type": "list", "elements": "str", "default": []},
            "comment": {"type": "str", "default": ""},
            "must_be_free": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    wanted = ServiceUser(
        user=module.params["name"],
        group=module.params["group"] or module.params["name"],
        members=module.params["members"],
        comment=module.params["comment"],
        must_be_free=module.params["must_be_free"],
        check=module.check_mode,
    )
    try:
        actions = wanted.ensure()
    except ServiceUserError as error:
        module.fail_json(msg=str(error), actions=[])
    module.exit_json(
        changed=bool(actions), actions=actions, diff={"before": "", "after": "".join(f"{done}\n" for done in actions)}
    )


if __name__ == "__main__":
    main()
