#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Pools of PgBouncer on a host, each with its own Unix socket, in one round trip."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pgbouncer_pools
short_description: Run pools of PgBouncer, each on its own Unix socket and as its app's system user
version_added: 0.4.0
author: Slipway contributors (@slipway)
description:
  - Makes for each pool C(/etc/slipway-pgbouncer/NAME.ini), the unit C(slipway-pgbouncer-NAME.service) with a sandbox, and
    starts it. Settings that change are reloaded; a pool that runs is never restarted.
  - A pool is in transaction mode, and leads to one database of the PostgreSQL server on the same host. It runs as the
    database's system user, whom both sides know by peer authentication, so there is no password. Only that user can connect.
  - A pool that is taken off the list stays as it is.
attributes:
  check_mode:
    support: full
    description: Says what would be done.
options:
  pools:
    description: The pools that must run.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the pool (small letters, digits and C(-)).
        type: str
        required: true
      user:
        description: System user that it runs as and that may connect, which is a role of the server; the default is its name.
        type: str
      database:
        description: Database that it leads to; the default is its name.
        type: str
      size:
        description: Most connections to the server.
        type: int
        default: 20
      clients:
        description: Most connections of the app.
        type: int
        default: 500
      settings:
        description: Further settings of pgbouncer.ini.
        type: dict
        default: {}
  server:
    description: Folder of the server's Unix socket.
    type: str
    default: /var/run/postgresql
  port:
    description: Port number of the server, which names its socket.
    type: int
    default: 5432
"""

EXAMPLES = r"""
- name: Run a pool for the shop
  slipway.flask.pgbouncer_pools:
    pools:
      - {name: shop, size: 10}
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode.
  type: list
  elements: str
  returned: always
pools:
  description: The pools.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the pool.
      type: str
    unit:
      description: Its systemd unit.
      type: str
    socket_directory:
      description: Folder of its Unix socket.
      type: str
    url:
      description: How libpq's drivers reach it.
      type: str
      sample: postgresql:///shop?host=/run/slipway-pgbouncer/shop
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._pgbouncer import names, pools, problems
from ansible_collections.slipway.flask.plugins.module_utils._pgbouncer.settings import Pool

ARGUMENTS: dict[str, Any] = {
    "pools": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "user": {"type": "str"},
            "database": {"type": "str"},
            "size": {"type": "int", "default": 20},
            "clients": {"type": "int", "default": 500},
            "settings": {"type": "dict", "default": {}},
        },
    },
    "server": {"type": "str", "default": "/var/run/postgresql"},
    "port": {"type": "int", "default": 5432},
}


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    asked = module.params
    if found := problems.problems(asked["pools"]):
        module.fail_json(msg="pools: " + "; ".join(found), actions=[])
    wanted = [Pool.of(entry, asked["server"], asked["port"]) for entry in asked["pools"]]
    try:
        outcome = pools.ensure(wanted, check=module.check_mode)
    except names.PgbouncerError as error:
        module.fail_json(msg=str(error), actions=[])
    for warning in outcome.warnings:
        module.warn(warning)
    module.exit_json(
        changed=bool(outcome.actions),
        actions=outcome.actions,
        diff=outcome.diffs,
        pools=[
            {
                "name": one.name,
                "unit": names.unit(one.name),
                "socket_directory": names.folder(one.name),
                "url": f"postgresql:///{one.database}?host={names.folder(one.name)}",
            }
            for one in wanted
        ],
    )


if __name__ == "__main__":
    main()
