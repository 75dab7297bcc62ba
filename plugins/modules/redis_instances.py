#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Instances of Redis on a host, each with its own user and Unix socket, in one round trip."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_instances
short_description: Run Redis instances, each with its own Unix socket and system user
version_added: 0.2.0
author: Slipway contributors (@slipway)
description:
  - Creates a system user, C(/etc/slipway-redis/NAME.conf) and the sandboxed unit C(slipway-redis-NAME.service) for each
    instance, and starts it, or restarts it if one of these is newer.
  - Instances don't listen on the network and have no password. Only root and the users in O(instances[].users) can
    connect to the socket C(/run/slipway-redis/NAME/redis.sock).
  - An instance that is removed from the list is kept, with its data.
attributes:
  check_mode:
    support: full
    description: Shows what would be done.
options:
  instances:
    description: The instances to run.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the instance (lower-case letters, digits and C(-)).
        type: str
        required: true
      purpose:
        description:
          - V(queue) never evicts keys and stores them on disk; V(cache) evicts the least recently used keys and stores
            nothing across restarts.
        type: str
        choices: [queue, cache]
        default: queue
      users:
        description: System users that may connect; empty means the user with the name of the instance.
        type: list
        elements: str
        default: []
      memory_mb:
        description: >-
          C(maxmemory) of the instance, in MiB. V(0) means an eighth of the host's memory for a queue, and a sixteenth
          for a cache.
        type: int
        default: 0
      settings:
        description: More settings for redis.conf.
        type: dict
        default: {}
  memory_mb:
    description: Memory in MiB from which C(maxmemory) is computed; V(0) means the host's memory.
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
      description: systemd unit.
      type: str
    socket:
      description: Unix socket.
      type: str
    url:
      description: URL for redis-py.
      type: str
    memory_mb:
      description: C(maxmemory) in MiB.
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
