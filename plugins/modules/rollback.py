#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.rollback; its action plugin does the work, on the host with rollback_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rollback
short_description: Make a release serve again that is still on the host
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.release
description:
  - Starts the release with the settings that it had, gates it, switches to it, verifies the site and drains the other.
  - Compares the database's migration head with the one that the release was made for, and refuses when they differ
    unless O(schema) says what to do.
attributes:
  check_mode:
    support: full
    description: Tells which release would serve; the schema is not compared.
options:
  to:
    description: Id of the release; empty is the one that served before.
    type: str
    default: ""
  schema:
    description:
      - What to do when the database is not at the release's migration head.
      - V(refuse) changes nothing and tells the revisions in between; V(keep) goes on, the code being compatible;
        V(downgrade) has the live release run C(flask db downgrade) first.
    type: str
    choices: [refuse, keep, downgrade]
    default: refuse
"""

EXAMPLES = r"""
- name: Go back to the release before
  slipway.flask.rollback:
    description:
      name: shop
      wsgi: shop:create_app()
      health: {path: /healthz, host: shop.example.com}
"""

RETURN = r"""
release:
  description: Id of the live release now.
  type: str
  returned: success
record:
  description: The line of the history.
  type: dict
  returned: success
previous:
  description: Id of the release that served before.
  type: str
  returned: success
draining:
  description: What the release before still answers, one sentence each; nothing has to wait for it.
  type: list
  elements: str
  returned: success
processes:
  description: What runs beside the web server, such as V(worker (2 instances)).
  type: list
  elements: str
  returned: success
notes:
  description: What else is worth knowing, one sentence each.
  type: list
  elements: str
  returned: always
hook:
  description: The hook at which it waits for its tasks, and what these may want to know, as M(slipway.flask.release) has it.
  type: dict
  returned: when it stopped at a hook
stage:
  description: Stage or hook that failed.
  type: str
  returned: failure
serves:
  description: Id of the live release after the failure; empty when none does.
  type: str
  returned: failure
"""
