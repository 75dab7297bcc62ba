#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.edge_hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: edge_hosts_on_host
short_description: The host's half of slipway.flask.edge_hosts
version_added: 0.5.0
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

from ansible_collections.slipway.flask.plugins.module_utils._edge import hold, runtime, turn
from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin

ARGUMENTS: dict[str, Any] = {
    "do": {"type": "str", "required": True, "choices": ["status", "out", "in"]},
    "host": {"type": "str", "default": ""},
    "by": {"type": "str", "required": True},
    "wait_seconds": {"type": "int", "default": 60},
    "force": {"type": "bool", "default": False},
    "look": {"type": "bool", "default": False},
    "backends": {"type": "list", "elements": "dict", "default": []},
    "authorities": {"type": "path", "required": True},
}


def main() -> None:
    module, asked = begin(ARGUMENTS)
    do, host = asked["do"], asked["host"]
    look = asked["look"] or module.check_mode
    try:
        if do == "status":
            module.exit_json(changed=False, hosts=turn.status())
        found = runtime.servers()
        if do == "out":
            problems = turn.out_problems(host, found, hold.read(), asked["force"])
        elif not any(server.host == host for server in found):
            problems = turn.out_problems(host, found, [])
        else:
            problems = [] if asked["force"] else turn.in_problems(host, asked["backends"], asked["authorities"])
        if problems:
            module.fail_json(msg="\n".join(problems), problems=problems)
        if look:
            module.exit_json(changed=(host in hold.read()) != (do == "out"), left=0)
        result = turn.take_out(host, asked["by"], asked["wait_seconds"]) if do == "out" else turn.take_in(host)
    except (runtime.RuntimeApiError, OSError) as error:
        module.fail_json(msg=str(error), problems=[str(error)])
    module.exit_json(hosts=turn.status(), **result)


if __name__ == "__main__":
    main()
