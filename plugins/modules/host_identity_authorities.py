#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The certificate authorities of a host, read without changing anything."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_identity_authorities
short_description: Read a host's own certificate authority, for other hosts to trust
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - Returns what M(slipway.flask.host_identity) has created on the host earlier. Changes nothing.
"""

EXAMPLES = r"""
- name: Read the authority of the database host
  slipway.flask.host_identity_authorities:
  delegate_to: db1
"""

RETURN = r"""
authorities:
  description: PEM texts of the host's authority, and of the next one if there is one. Empty if the host has none yet.
  returned: success
  type: list
  elements: str
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._identity.program import FOLDER, authorities_in


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    module.exit_json(changed=False, authorities=authorities_in(FOLDER))


if __name__ == "__main__":
    main()
