#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Brings a bare host back from its backups; site.yml -e restore=latest does it in two parts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore_host
short_description: Restore a bare host from its backups
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - Does one part of C(site.yml -e restore=latest); each part runs when what it needs is set up.
  - Refuses hosts that have data. An interrupted restore is continued.
  - Uses the settings that the role P(slipway.flask.backups#role) has written on the host.
attributes:
  check_mode:
    support: full
    description: Does nothing.
options:
  part:
    description:
      - V(server) restores certificates and the database server; V(apps) restores each app's folders and the code of its
        live release; V(end) marks the restore as complete.
    type: str
    choices: [server, apps, end]
    required: true
"""

EXAMPLES = r"""
- name: Restore the database server
  slipway.flask.restore_host:
    part: server
"""

RETURN = r"""
actions:
  description: What was done.
  returned: success
  type: list
  elements: str
report:
  description: Duration in seconds, and the time of the last transaction in the database.
  returned: with O(part=end)
  type: dict
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings
from ansible_collections.slipway.flask.plugins.module_utils._host.told import told
from ansible_collections.slipway.flask.plugins.module_utils._restore.whole import Whole


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(
        argument_spec={"part": {"type": "str", "choices": ["server", "apps", "end"], "required": True}},
        supports_check_mode=True,
    )
    part = module.params["part"]
    if module.check_mode:
        module.exit_json(**told([f"restore the {part} from the backups"]))
    try:
        whole = Whole(Settings.read())
        if part == "end":
            module.exit_json(changed=False, report=whole.end())
        actions = whole.server() if part == "server" else whole.apps()
    except FileNotFoundError as error:
        module.fail_json(msg=f"{error.filename} is missing: run the role slipway.flask.backups")
    except (BackupError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**told(actions))


if __name__ == "__main__":
    main()
