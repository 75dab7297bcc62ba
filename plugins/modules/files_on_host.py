#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.files."""

from __future__ import annotations

DOCUMENTATION = r"""
module: files_on_host
short_description: The host's half of slipway.flask.files
version_added: 0.2.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.task
"""

EXAMPLES = r"""
[]
"""

RETURN = r"""
{}
"""

from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host.file_state import Entry, FilesError, unpack
from ansible_collections.slipway.flask.plugins.module_utils._host.files import FileSet
from ansible_collections.slipway.flask.plugins.module_utils._host.service_user import (
    USER,
    ServiceUser,
    ServiceUserError,
    ensure,
)
from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin
from ansible_collections.slipway.flask.plugins.module_utils._host.units import SYSTEMD, Unit, UnitError, Unread, bring

ARGUMENTS: dict[str, Any] = {
    "payload": {"type": "str", "required": True, "no_log": True},
    "validate": {"type": "list", "elements": "str", "default": []},
    "prune": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"folder": {"type": "path", "required": True}, "pattern": {"type": "str", "required": True}},
    },
    "users": {"type": "list", "elements": "dict", "default": [], "options": USER},
    "units": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "on_change": {"type": "str", "choices": ["reload", "restart"], "default": "reload"},
            "files": {"type": "list", "elements": "path", "default": []},
            "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
        },
    },
    "changed": {"type": "bool", "default": False},
}


def main() -> None:
    module, asked = begin(ARGUMENTS)
    entries = [Entry(**entry) for entry in unpack(asked["payload"])]
    files = FileSet(check=module.check_mode)
    wanted = [Unit(**unit) for unit in asked["units"]]
    written = [entry.dest for entry in entries]
    unread = Unread([unit.name for unit in wanted], written, check=module.check_mode)
    actions: list[str] = []
    try:
        actions += ensure([ServiceUser.of(user, check=module.check_mode) for user in asked["users"]])
        unread.write()
        files.apply(entries)
        for place in asked["prune"]:
            files.prune(place["folder"], place["pattern"], set(written))
        files.validate(asked["validate"])
        changed = [*files.changed, *(written if SYSTEMD in unread.left else [])]
        actions += bring(wanted, changed, also=asked["changed"] or bool(unread.left), check=module.check_mode)
        unread.remove()
    except (FilesError, ServiceUserError) as error:
        if not unread.left and not asked["changed"]:  # all is as it was
            unread.remove()
        module.fail_json(msg=str(error), changed_files=[])
    except UnitError as error:
        module.fail_json(msg=str(error), changed_files=files.changed)
    result: dict[str, object] = {"changed": bool(files.changed or actions)}
    result |= {"changed_files": files.changed, "actions": actions}
    if module._diff:
        done = "".join(f"{action}\n" for action in actions)
        header = {"before_header": "users and units", "after_header": "users and units"}
        result["diff"] = files.diffs + ([{**header, "before": "", "after": done}] if actions else [])
    module.exit_json(**result)


if __name__ == "__main__":
    main()
