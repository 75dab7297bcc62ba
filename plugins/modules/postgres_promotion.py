#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The steps of a promotion, each on the host that it concerns."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgres_promotion
short_description: Look at, close or promote the host's PostgreSQL
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - C(playbooks/promote.yml) is made of these steps; M(slipway.flask.postgres_promotion_plan) decides which of them are
    taken.
  - With O(step=look), returns what the server is. Changes nothing.
  - With O(step=close), ends the server in order, so that its standby receives all that it has, and makes its data a
    standby's, so that it never takes writes again.
  - With O(step=receive), waits until the standby has received all that a closed primary has sent.
  - With O(step=promote), makes the standby the primary.
  - With O(step=reopen), undoes O(step=close).
options:
  step:
    description: Which step.
    type: str
    choices: [look, close, receive, promote, reopen]
    required: true
  host:
    description: Name of the host that is promoted, in the inventory.
    type: str
    default: ""
  old:
    description: Name of the host that was the primary.
    type: str
    default: ""
  position:
    description: Position of the closed primary's last record, for O(step=receive).
    type: str
    default: ""
  after:
    description:
      - With O(step=look), returns what a server that doesn't run had committed after this position, by its write-ahead log.
    type: str
    default: ""
  by:
    description: Who does it, for the host's status.
    type: str
    default: ""
  cluster:
    description: PostgreSQL cluster, such as V(17/main). Empty means the only one, or the one on port 5432.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Only looks.
"""

EXAMPLES = r"""
- name: See whether this host has the primary
  slipway.flask.postgres_promotion:
    step: look
"""

RETURN = r"""
server:
  description: What the server is.
  returned: with O(step=look) and O(step=promote)
  type: dict
position:
  description: Position of the last record of a closed server.
  returned: with O(step=close)
  type: str
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._postgres import promotion
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import PostgresError

ARGUMENTS: dict[str, Any] = {
    "step": {"type": "str", "choices": ["look", "close", "receive", "promote", "reopen"], "required": True},
    "host": {"type": "str", "default": ""},
    "old": {"type": "str", "default": ""},
    "position": {"type": "str", "default": ""},
    "after": {"type": "str", "default": ""},
    "by": {"type": "str", "default": ""},
    "cluster": {"type": "str", "default": ""},
}


def act(step: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Take STEP. Raises PostgresError."""
    cluster = asked["cluster"]
    if step == "close":
        return {"changed": True, "position": promotion.close(asked["host"], asked["by"], cluster)}
    if step == "receive":
        promotion.receive(asked["position"], cluster)
    elif step == "promote":
        return {"changed": True, "server": promotion.promote(asked["old"], asked["by"], cluster)}
    elif step == "reopen":
        promotion.reopen(cluster)
        return {"changed": True}
    return {"changed": False}


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    asked = module.params
    try:
        if asked["step"] == "look":
            module.exit_json(changed=False, server=promotion.look(asked["cluster"], asked["after"]))
        module.exit_json(**({"changed": False} if module.check_mode else act(asked["step"], asked)))
    except PostgresError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
