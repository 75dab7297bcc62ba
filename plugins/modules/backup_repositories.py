#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The repositories of a host's backups, and pgBackRest's settings: made, or what reads them taken away."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_repositories
short_description: Create the repositories for a host's backups, or stop using them
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - Reads C(/etc/slipway/backup.json), as written by the role P(slipway.flask.backups#role).
  - Writes pgBackRest's configuration for the local cluster, and creates a repository at each target that has none.
  - Refuses a target with the backups of another cluster, unless O(anew) is given.
  - Starts the first backup, in the background.
  - With O(state=absent), stops the timers and removes secrets, state and caches. Everything at the targets is kept.
attributes:
  check_mode:
    support: full
    description: Shows what would be done; no target is contacted.
options:
  state:
    description: Whether the host should have backups.
    type: str
    choices: [present, absent]
    default: present
  anew:
    description: Use a target even if it contains the backups of another cluster of this host; those are kept.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Create the repositories at the targets
  slipway.flask.backup_repositories:
"""

RETURN = r"""
actions:
  description: What was done, or would be done.
  returned: success
  type: list
  elements: str
"""

import os
import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._backup import places, setup
from ansible_collections.slipway.flask.plugins.module_utils._backup.command import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings
from ansible_collections.slipway.flask.plugins.module_utils._host.told import told

KEEP = (
    "Backups are set up. Keep outside this host what a restore needs: the inventory, the vault's password, and the passphrase of "
    "slipway_backups, without which nobody can read them"
)


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "anew": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        if module.params["state"] == "absent":
            actions = list(setup.remove(module.check_mode))
        else:
            first = not (places.STATE / setup.READY).exists()
            actions = setup.prepare(Settings.read(), module.check_mode, module.params["anew"])
            if actions and not module.check_mode:
                subprocess.run(["systemctl", "start", "--no-block", setup.SERVICE], check=False, capture_output=True)
                if first:
                    module.warn(KEEP)
    except FileNotFoundError as error:
        if module.check_mode:
            module.exit_json(**told(["create the repositories"]))
        module.fail_json(msg=f"{error.filename} is missing: run the role slipway.flask.backups")
    except BackupError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**told(actions))


if __name__ == "__main__":
    main()
