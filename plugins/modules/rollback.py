#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.rollback; its action plugin does the work, on the host with rollback_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rollback
short_description: Roll back to a release that is still on the host
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.release
description:
  - Starts the release with the settings that it had, gates it, switches to it, verifies the site and drains the other
    release.
  - Compares the database's migration head with that of the release, and refuses if they differ, unless O(schema) says
    what to do.
attributes:
  check_mode:
    support: full
    description: Shows which release would become current; the schema is not compared.
options:
  to:
    description: ID of the release; empty means the previous one.
    type: str
    default: ""
  schema:
    description:
      - What to do if the database is not at the release's migration head.
      - V(refuse) changes nothing and tells the revisions in between; V(keep) goes on, the code being compatible;
        V(downgrade) has the live release run C(flask db downgrade) first.
    type: str
    choices: [refuse, keep, downgrade]
    default: refuse
"""

EXAMPLES = r"""
- name: Roll back to the previous release
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
  description: The entry in the history.
  type: dict
  returned: success
previous:
  description: ID of the previous release.
  type: str
  returned: success
draining:
  description: >-
    Requests that the previous release is still answering, one sentence each; there is no need to wait for them.
  type: list
  elements: str
  returned: success
processes:
  description: Processes that run next to the web server, such as V(worker (2 instances)).
  type: list
  elements: str
  returned: success
notes:
  description: Further notes, one sentence each.
  type: list
  elements: str
  returned: always
hook:
  description: The hook whose tasks must be run before the rollback continues, as in M(slipway.flask.release).
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
