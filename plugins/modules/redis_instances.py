#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Instances of Redis on a host, each with its own user and Unix socket, in one round trip."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_instances
short_description: Run instances of Redis, each on its own Unix socket and as its own system user
version_added: 0.2.0
author: Slipway contributors (@slipway)
description:
  - Makes for each instance a system user, C(/etc/slipway-redis/NAME.conf), the unit C(slipway-redis-NAME.service) with a
    sandbox, and starts it, or restarts it when it is older than one of these.
  - No instance listens on the network, and none has a password. The users in O(instances[].users) can connect to the socket
    C(/run/slipway-redis/NAME/redis.sock), nobody else but root.
  - An instance that is taken off the list stays as it is, with its data.
attributes:
  check_mode:
    support: full
    description: Says what would be done.
options:
  instances:
    description: The instances that must run.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the instance (small letters, digits and C(-)).
        type: str
        required: true
      purpose:
        description:
          - V(queue) never throws anything away, and keeps it on the disk; V(cache) throws the least recently used away, and
            keeps nothing over a restart.
        type: str
        choices: [queue, cache]
        default: queue
      users:
        description: System users that may connect; the one named like the instance when the list is empty.
        type: list
        elements: str
        default: []
      memory_mb:
        description: Its C(maxmemory) in MiB; V(0) is an eighth of the host's memory for a queue, a sixteenth for a cache.
        type: int
        default: 0
      settings:
        description: Further settings of redis.conf.
        type: dict
        default: {}
  memory_mb:
    description: Memory in MiB that C(maxmemory) is computed from; V(0) is the host's.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Run a queue for the shop
  slipway.flask.redis_instances:
    instances:
      - {name: shop-queue, users: [shop]}
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode.
  type: list
  elements: str
  returned: always
instances:
  description: The instances.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the instance.
      type: str
    unit:
      description: Its systemd unit.
      type: str
    socket:
      description: Its Unix socket.
      type: str
    url:
      description: Its URL as redis-py has it.
      type: str
    memory_mb:
      description: Its C(maxmemory) in MiB.
      type: int
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._redis import instances, names
from ansible_collections.slipway.flask.plugins.module_utils._redis.settings import Instance

ARGUMENTS: dict[str, Any] = {
    "instances": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "purpose": {"type": "str", "choices": ["queue", "cache"], "default": "queue"},
            "users": {"type": "list", "elements": "str", "default": []},
            "memory_mb": {"type": "int", "default": 0},
            "settings": {"type": "dict", "default": {}},
        },
    },
    "memory_mb": {"type": "int", "default": 0},
}


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    if problems := names.problems(module.params["instances"]):
        module.fail_json(msg="instances: " + "; ".join(problems), actions=[])
    wanted = [Instance.of(entry) for entry in module.params["instances"]]
    host_mb = module.params["memory_mb"] or instances.host_memory_mb()
    try:
        outcome = instances.ensure(wanted, host_mb=host_mb, check=module.check_mode)
    except names.RedisError as error:
        module.fail_json(msg=str(error), actions=[])
    for warning in outcome.warnings:
        module.warn(warning)
    module.exit_json(
        changed=bool(outcome.actions),
        actions=outcome.actions,
        diff=outcome.diffs,
        instances=[
            {
                "name": one.name,
                "unit": names.unit(one.name),
                "socket": names.socket(one.name),
                "url": f"unix://{names.socket(one.name)}",
                "memory_mb": one.maxmemory_mb(host_mb),
            }
            for one in wanted
        ],
    )


if __name__ == "__main__":
    main()
