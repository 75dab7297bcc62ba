#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Tries connections to Redis from the host, all in one round trip."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_check
short_description: Check connections to Redis from the host, and explain failures
version_added: 0.2.0
author: Slipway contributors (@slipway)
description:
  - Connects as the app's own system user with the app's own URL, logs in, selects the database and queries the server's
    state. Changes nothing, and needs no client on the host.
  - A failure explains its cause (host name, port, socket, TLS, password, database, connections) and what to do.
    Passwords never appear in messages, argument lists or logs.
  - In check mode, connections are skipped if their user or socket doesn't exist yet.
options:
  connections:
    description: The connections, without their URLs.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the connection, and its key in O(urls).
        type: str
        required: true
      user:
        description: System user that connects. Empty means the user that the module runs as.
        type: str
        default: ""
      ca:
        description: CA file on the host, used if the URL has no C(ssl_ca_certs).
        type: str
        default: ""
      purpose:
        description: What the app uses Redis for. For a queue, a server that evicts keys is reported.
        type: str
        choices: [queue, cache]
        default: queue
  urls:
    description: The URL of each connection, such as C(rediss://:password@host:6379/0).
    type: dict
    required: true
  timeout_seconds:
    description: Seconds to wait for an answer.
    type: int
    default: 5
"""

EXAMPLES = r"""
- name: Check the shop's Redis
  slipway.flask.redis_check:
    connections:
      - {name: shop, user: shop}
    urls:
      shop: "{{ vault_shop_redis_url }}"
"""

RETURN = r"""
connections:
  description: Results for each connection.
  returned: success
  type: dict
  contains:
    NAME:
      description: One entry per connection, with its name as the key.
      type: dict
      contains:
        checked:
          description: Whether the connection was checked; if so, the results of INFO follow.
          type: bool
        notes:
          description: Notes for the user, such as unencrypted traffic, or why the connection was not checked.
          type: list
failures:
  description: Kind of failure for each failed connection, such as V(password_wrong).
  returned: failure
  type: dict
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._host.connection_checks import (
    answer,
    arguments,
    findings,
    lacking,
    parsed,
    untried,
)
from ansible_collections.slipway.flask.plugins.module_utils._redis.check import attempt, notes
from ansible_collections.slipway.flask.plugins.module_utils._redis.url import parse_url

ARGUMENTS = arguments(purpose={"type": "str", "choices": ["queue", "cache"], "default": "queue"})


def try_one(entry: dict[str, str], text: str, timeout: int, check: bool) -> dict[str, Any]:
    """Return the findings for one connection.

    :raises Refusal: when it fails.
    """
    url = parsed(parse_url, text)
    if lack := lacking(entry):
        return untried(lack, check)
    tried = attempt(url, entry["user"], timeout, entry["ca"])
    return findings(tried, lambda facts: notes(url, facts, entry["purpose"]), check and url.is_local)


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    timeout = module.params["timeout_seconds"]
    answer(module, " to Redis", lambda entry, url: try_one(entry, url, timeout, module.check_mode))


if __name__ == "__main__":
    main()
