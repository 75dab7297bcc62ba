#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.release_failures; all its work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_failures
short_description: Fail when a release of this run has failed, with one summary of all that have
version_added: 0.2.0
author: Slipway contributors (@slipway)
description:
  - Belongs at the end of a play that deploys several apps with O(slipway.flask.release#module:go_on), which leaves the play going
    on when one of them fails. Without it nobody would be told by the exit status.
  - Reaches no host.
options:
  apps:
    description: How many apps were to be deployed on the host.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Deploy each app
  ansible.builtin.include_role:
    name: slipway.flask.app_release
  vars:
    app_release_releases: ["{{ item }}"]
    app_release_go_on: true
  loop: "{{ apps }}"

- name: Fail when one of them did
  slipway.flask.release_failures:
    apps: "{{ apps | length }}"
"""

RETURN = r"""
failures:
  description: Names of the apps whose release failed.
  type: list
  elements: str
  returned: failure
"""
