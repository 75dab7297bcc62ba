#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.release_exec."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_exec_on_host
short_description: The host's half of slipway.flask.release_exec
version_added: 0.2.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.task
attributes:
  check_mode:
    support: none
    description: The action plugin skips the task.
"""

EXAMPLES = r"""
[]
"""

RETURN = r"""
{}
"""

import json
import os
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._app import command
from ansible_collections.slipway.flask.plugins.module_utils._host.task import TASK, task_of
from ansible_collections.slipway.flask.plugins.module_utils._process import by_hand
from ansible_collections.slipway.flask.plugins.module_utils._process.look.members import processes_of
from ansible_collections.slipway.flask.plugins.module_utils._release.commands import Commands
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Request

ARGUMENTS: dict[str, Any] = {
    "app": {"type": "str", "required": True},
    "root": {"type": "path", "required": True},
    "settings": {"type": "path", "required": True},
    "wsgi": {"type": "str", "required": True},
    "words": {"type": "str", "default": "[]", "no_log": True},  # JSON: a list would be blotted out of the answer
    "schedule": {"type": "str", "default": ""},
    "writable_paths": {"type": "list", "elements": "path", "default": []},
    "seconds": {"type": "int", "default": 3600},
}


def run(given: dict[str, Any]) -> dict[str, Any]:
    """Run the command, or the schedule, and return what it did; empty when no release serves. Raises ReleaseError."""
    paths = Paths(given["app"], Path(given["root"]), Path(given["settings"]))
    record = paths.record(paths.current_id())
    if record is None:
        return {}
    if given["schedule"]:
        schedule = by_hand.named(processes_of(paths), given["schedule"], record.id)
        status, printed, end = by_hand.run(schedule, record.id)
        return {"release": record.id, "rc": status, "stdout": printed, "stderr": "", "end": end}
    request = Request(
        app=given["app"],
        user=given["app"],
        wsgi=given["wsgi"],
        root=given["root"],
        settings_folder=given["settings"],
        writable_paths=tuple(given["writable_paths"]),
        command_seconds=given["seconds"],
    )
    # Several commands may run at once: each has a unit of its own.
    argv = command.argv(json.loads(given["words"]))
    done = Commands(request, paths, record).run(argv, f"exec-{os.getpid()}")
    return {"release": record.id, "rc": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(argument_spec=TASK)
    try:
        done = run(task_of(module, ARGUMENTS))
    except ReleaseError as error:
        module.fail_json(msg=str(error))
    if not done:
        module.fail_json(msg="nothing has been deployed yet, so there is nothing to run the command in")
    module.exit_json(changed=True, **done)


if __name__ == "__main__":
    main()
