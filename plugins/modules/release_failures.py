#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.release_failures; all its work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_failures
short_description: Fail if a release in this run has failed, with a summary of all failures
version_added: 0.2.0
author: Slipway contributors (@slipway)
description:
  - Use it at the end of a play that deploys several apps with O(slipway.flask.release#module:go_on), which continues
    the play if one of them fails. Without it, the exit status would not indicate the failure.
  - Doesn't connect to hosts.
options:
  apps:
    description: Number of apps to be deployed on the host.
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

- name: Fail if one of them has failed
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
