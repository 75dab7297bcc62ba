#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.release; its action plugin does the work, on the host with release_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release
short_description: Make a revision of an app serve, without losing a request
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.release
description:
  - "Runs the stages of a release: fetch, build, check, migrate, start, gate, switch, verify, watch, drain, prune, record."
  - Whatever fails before the switch leaves the old release serving; a failed verify or watch switches back by itself.
  - Changes nothing when what is asked for already serves.
attributes:
  check_mode:
    support: full
    description: Tells whether a deploy would make a new release.
options:
  plan:
    description:
      - Prepares a release, tells what a deploy would do, and removes it again; fails when the deploy would be refused.
    type: bool
    default: false
  go_on:
    description:
      - Do not fail the task when the release fails, so that a play goes on with its other apps; its end must have
        M(slipway.flask.release_failures), which fails then. RV(given_up) has the message.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Deploy the shop
  slipway.flask.release:
    description:
      name: shop
      path: ../shop
      wsgi: shop:create_app()
      health: {path: /healthz, host: shop.example.com}
"""

RETURN = r"""
release:
  description: Id of the live release now.
  type: str
  returned: success
record:
  description: The release's record, as in its release.json.
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
  description: The hook at which the release waits for its tasks, and what these may want to know.
  type: dict
  returned: when it stopped at a hook
  contains:
    name: {description: Name of the hook., type: str}
    what: {description: C(deploy) or C(rollback)., type: str}
    file: {description: File of its tasks., type: str}
    app: {description: Name of the app., type: str}
    release: {description: Id of the release., type: str}
    folder: {description: The release's folder on the host., type: str}
    revision: {description: Its revision., type: str}
    previous: {description: Id of the release that served before., type: str}
given_up:
  description: Why the release failed.
  type: str
  returned: when it failed and O(go_on) is true
plan:
  description: What a deploy would do, if O(plan) asks for it.
  type: dict
  returned: success
stage:
  description: Stage or hook that failed.
  type: str
  returned: failure
serves:
  description: Id of the live release after the failure; empty when none does.
  type: str
  returned: failure
"""
