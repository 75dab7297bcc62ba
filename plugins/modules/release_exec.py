#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's side of slipway.flask.release_exec; the action plugin of the same name chooses the app and prints."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_exec
short_description: Run one command in the release that serves
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.apps
description:
  - Runs a command as the app's user, with the code, the settings and the secrets of the release that serves, and prints what
    it prints as it is. It may write where the app may write.
  - Runs on one host, the first of the play that has the app; the others are skipped.
  - Always reports a change, for nobody knows what a command does.
attributes:
  check_mode:
    support: none
    description: The task is skipped.
options:
  app:
    description: Name of the app; it may be left out when there is but one.
    type: str
    default: ""
  command:
    description:
      - Command line, split as a shell splits words but run without a shell.
      - C($NAME) outside of single quotes stands for a variable of the app's environment; a secret itself is refused.
    type: str
    required: true
  seconds:
    description: Longest time that the command may take, in seconds.
    type: int
    default: 3600
"""

EXAMPLES = r"""
- name: List the users of the shop
  slipway.flask.release_exec:
    apps: "{{ slipway_apps }}"
    app: shop
    command: flask users list
"""

RETURN = r"""
release:
  description: Release in which the command ran.
  type: str
  returned: always
rc:
  description: The command's exit status.
  type: int
  returned: always
stdout:
  description: What it printed.
  type: str
  returned: success
stderr:
  description: What it printed as errors.
  type: str
  returned: success
"""

import json
import os
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils import _app_command
from ansible_collections.slipway.flask.plugins.module_utils._release import Paths
from ansible_collections.slipway.flask.plugins.module_utils._release_context import Context

ARGUMENTS: dict[str, Any] = {
    "app": {"type": "str", "required": True},
    "root": {"type": "path", "required": True},
    "settings": {"type": "path", "required": True},
    "wsgi": {"type": "str", "required": True},
    "words": {"type": "str", "required": True, "no_log": True},  # JSON: a list would be blotted out of the answer
    "writable_paths": {"type": "list", "elements": "path", "default": []},
    "seconds": {"type": "int", "default": 3600},
}


def run(given: dict[str, Any]) -> dict[str, Any]:
    """Run the command and return what it did; empty when no release serves."""
    paths = Paths(given["app"], Path(given["root"]), Path(given["settings"]))
    record = paths.record(paths.current_id())
    if record is None:
        return {}
    settings = {
        "user": given["app"],
        "wsgi": given["wsgi"],
        "writable_paths": given["writable_paths"],
        "command_seconds": given["seconds"],
    }
    # Several commands may run at once: each has a unit of its own.
    argv = _app_command.argv(json.loads(given["words"]))
    done = Context(settings, paths, record).run(argv, f"exec-{os.getpid()}")
    return {"release": record.id, "rc": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(argument_spec=ARGUMENTS)
    done = run(module.params)
    if not done:
        module.fail_json(msg="nothing has been deployed yet, so there is nothing to run the command in")
    module.exit_json(changed=True, **done)


if __name__ == "__main__":
    main()
