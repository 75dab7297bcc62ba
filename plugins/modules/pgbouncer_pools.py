#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Pools of PgBouncer on a host, each with its own Unix socket, in one round trip."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pgbouncer_pools
short_description: Run PgBouncer pools, each with its own Unix socket and as its app's system user
version_added: 0.4.0
author: Slipway contributors (@slipway)
description:
  - Creates C(/etc/slipway-pgbouncer/NAME.ini) and the sandboxed unit C(slipway-pgbouncer-NAME.service) for each pool,
    and starts it. Changed settings are reloaded; a running pool is never restarted.
  - A pool runs in transaction mode and connects to one database of the PostgreSQL server on the same host. It runs as
    the app's system user and both sides use peer authentication, so there is no password. Only that user can connect.
  - A pool that is removed from the list is kept as it is.
attributes:
  check_mode:
    support: full
    description: Shows what would be done.
options:
  pools:
    description: The pools to run.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the pool (lower-case letters, digits and C(-)).
        type: str
        required: true
      user:
        description: >-
          System user that the pool runs as and that may connect; also a role of the server. The default is the pool's
          name.
        type: str
      database:
        description: Database that the pool connects to. The default is the pool's name.
        type: str
      size:
        description: Maximum number of connections to the server.
        type: int
        default: 20
      clients:
        description: Maximum number of connections from the app.
        type: int
        default: 500
      settings:
        description: More settings for pgbouncer.ini.
        type: dict
        default: {}
  server:
    description: Folder of the server's Unix socket.
    type: str
    default: /var/run/postgresql
  port:
    description: Port number of the server, which is part of the socket's name.
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
      description: systemd unit.
      type: str
    socket_directory:
      description: Folder of the Unix socket.
      type: str
    url:
      description: URL for libpq-based drivers.
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
