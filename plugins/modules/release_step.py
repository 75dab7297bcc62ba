#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.release_step; its action plugin does the work, on the host with release and rollback."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_step
short_description: Take one step of a deploy or rollback over several hosts
version_added: 0.3.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.release
description:
  - A deploy or rollback over several hosts is a row of these tasks, one for each step, in a play with the strategy
    P(ansible.builtin.linear#strategy), so that no host takes a step before all have taken the one before. The role
    P(slipway.flask.app_release#role) has them in C(tasks/steps.yml).
  - If a host fails or can't be reached at any step up to V(edges), all others give the release up at the next one. No
    step fails its task; V(tell) does, on all hosts.
attributes:
  check_mode:
    support: full
    description: Shows on which hosts a deploy or rollback would change the release.
options:
  what:
    description: What is done.
    type: str
    choices: [deploy, rollback]
    required: true
  fleet:
    description: The hosts, as the filter P(slipway.flask.release_fleets#filter) returns them for the app.
    type: dict
    required: true
  edges:
    description:
      - What each edge answered to M(slipway.flask.edge_hosts), if hosts are left out. These must be out there, too.
    type: list
    elements: dict
    default: []
  step:
    description: Name of the step.
    type: str
    choices: [prepare, agree, ready_first, ready, canary, rest, edges, finish, tell]
    required: true
  last:
    description: Result of the host's step before.
    type: dict
    default: {}
  after_hook:
    description: Continue the same step, after the tasks of a hook.
    type: bool
    default: false
  plan:
    description: As for M(slipway.flask.release).
    type: bool
    default: false
  go_on:
    description: As for M(slipway.flask.release).
    type: bool
    default: false
  to:
    description: As for M(slipway.flask.rollback). On hosts without a release of that ID, the newest of the same revision.
    type: str
    default: ""
  schema:
    description: As for M(slipway.flask.rollback).
    type: str
    choices: [refuse, keep, downgrade]
    default: refuse
seealso:
  - module: slipway.flask.release
  - module: slipway.flask.rollback
"""

EXAMPLES = r"""
- name: Fetch, build and check on all hosts
  slipway.flask.release_step:
    what: deploy
    description: "{{ app_release_releases[0] }}"
    fleet: "{{ app_release_fleets.shop }}"
    step: prepare
  register: shop_release

- name: Migrate, start and gate on the first host
  slipway.flask.release_step:
    what: deploy
    description: "{{ app_release_releases[0] }}"
    fleet: "{{ app_release_fleets.shop }}"
    step: ready_first
    last: "{{ shop_release }}"
  register: shop_release
"""

RETURN = r"""
fleet:
  description: What the next step needs of this one.
  type: dict
  returned: always
hook:
  description: As of M(slipway.flask.release).
  type: dict
  returned: when it stopped at a hook
release:
  description: Id of the release that is live on the host.
  type: str
  returned: success of the step V(tell)
given_up:
  description: Why the release failed.
  type: str
  returned: when it failed and O(go_on) is true
"""
