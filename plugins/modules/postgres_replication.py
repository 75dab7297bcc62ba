#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Roles and replication slots for the standbys of a host's PostgreSQL."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgres_replication
short_description: Let standbys follow the host's PostgreSQL
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - Creates a role with C(REPLICATION) and a physical replication slot for each standby, and removes those of hosts that
    are no standby any more.
  - A slot that was invalidated, because its standby was away for too long, is created anew; the standby must be copied
    then (M(slipway.flask.postgres_standby)).
  - Access rules and settings are those of M(slipway.flask.postgres_cluster).
options:
  standbys:
    description: The hosts whose PostgreSQL follows that of this one.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the host in the inventory.
        type: str
        required: true
      address:
        description: IP address from which it connects; only M(slipway.flask.postgres_cluster) uses it.
        type: str
      certified:
        description: DNS name in its certificate; not used.
        type: str
      verifier:
        description:
          - What PostgreSQL keeps of the standby's password, as M(slipway.flask.postgres_standby) returns it.
          - Empty leaves its role and slot as they are.
        type: str
        default: ""
  cluster:
    description: PostgreSQL cluster, such as V(17/main). Empty means the only one, or the one on port 5432.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Returns what would be done.
"""

EXAMPLES = r"""
- name: Let the standbys follow this server
  slipway.flask.postgres_replication:
    standbys:
      - name: db2
        verifier: "{{ hostvars['db2'].postgres_standby.verifier }}"
"""

RETURN = r"""
actions:
  description: What was done, or would be, one sentence each.
  returned: success
  type: list
  elements: str
lost:
  description: Names of the standbys whose slot was invalidated; they must be copied anew.
  returned: success
  type: list
  elements: str
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._host.told import told
from ansible_collections.slipway.flask.plugins.module_utils._postgres import replication
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import PostgresError, find_cluster

ARGUMENTS: dict[str, Any] = {
    "standbys": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "address": {"type": "str"},
            "certified": {"type": "str"},
            "verifier": {"type": "str", "default": "", "no_log": True},
        },
    },
    "cluster": {"type": "str", "default": ""},
}


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    asked = module.params
    try:
        cluster = find_cluster(asked["cluster"])
        if cluster is None or not cluster.online:
            if not module.check_mode:
                raise PostgresError("there is no PostgreSQL server on this host, or it does not run")
            state: dict[str, Any] = {"roles": {}, "slots": {}}
            todo = replication.plan(asked["standbys"], state)
        else:
            todo = replication.ensure(cluster, asked["standbys"], module.check_mode)
    except PostgresError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**told(todo.actions), lost=todo.lost)


if __name__ == "__main__":
    main()
