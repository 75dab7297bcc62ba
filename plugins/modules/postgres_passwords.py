#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The passwords of PostgreSQL roles that other hosts need, read on the host that has created them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgres_passwords
short_description: Read the passwords that other hosts need to connect to this host's PostgreSQL
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - M(slipway.flask.postgres_cluster) creates them for its option O(slipway.flask.postgres_cluster#module:clients).
  - Use C(no_log) for the task, and write them to files that only one user can read.
options:
  roles:
    description: Names of the roles.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Read the password of the shop's database
  slipway.flask.postgres_passwords:
    roles: [shop]
  delegate_to: db1
  register: shop_passwords
  no_log: true
"""

RETURN = r"""
passwords:
  description: The passwords by role. A role without one is left out in check mode, and an error otherwise.
  returned: success
  type: dict
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._postgres import passwords


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(
        argument_spec={"roles": {"type": "list", "elements": "str", "required": True}}, supports_check_mode=True
    )
    found = {role: passwords.read(role) for role in module.params["roles"]}
    missing = [role for role, password in found.items() if not password]
    if missing and not module.check_mode:
        module.fail_json(
            msg=f"this host has no password for {', '.join(missing)}: run playbooks/provision.yml for it first"
        )
    module.exit_json(changed=False, passwords={role: password for role, password in found.items() if password})


if __name__ == "__main__":
    main()
