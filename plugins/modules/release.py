#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.release; its action plugin does the work, on the host with release_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release
short_description: Deploy a revision of an app without downtime
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.release
description:
  - "Runs the stages of a release: fetch, build, check, migrate, start, gate, switch, verify, watch, drain, prune, record."
  - If a stage before the switch fails, the old release keeps serving; if verify or watch fails, traffic is switched
    back automatically.
  - Changes nothing if the requested revision is already live.
attributes:
  check_mode:
    support: full
    description: Shows whether a deploy would create a new release.
options:
  plan:
    description:
      - Prepare a release, show what a deploy would do, and remove it again; fails if the deploy would be refused.
    type: bool
    default: false
  go_on:
    description:
      - Don't fail the task if the release fails, so that the play continues with other apps. The play must end with
        M(slipway.flask.release_failures), which then fails. RV(given_up) contains the message.
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
  description: Record of the release, as in its release.json.
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
  description: The hook whose tasks must be run before the release continues, with information for these tasks.
  type: dict
  returned: when it stopped at a hook
  contains:
    name: {description: Name of the hook., type: str}
    what: {description: C(deploy) or C(rollback)., type: str}
    files: {description: Files of its tasks., type: list, elements: str}
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
  description: What a deploy would do, with O(plan).
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
