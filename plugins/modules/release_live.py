#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.release_live; its action plugin does the work, on the host with release_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_live
short_description: Find out which of several apps need no deploy
version_added: 0.2.0
author: Slipway contributors (@slipway)
description:
  - Asks the host about all apps in a single call, where M(slipway.flask.release) takes one per app. An app whose live
    release is the one that its description asks for, and whose processes run, is reported as M(slipway.flask.release)
    would report it.
  - All other apps, including those that can't be asked about, are left to M(slipway.flask.release).
  - What a run that was killed has left of an app that is reported is cleaned up, as a deploy does first. Reports no
    change.
attributes:
  check_mode:
    support: full
    description: Nothing is changed.
options:
  descriptions:
    description:
      - The apps, each described as for the O(slipway.flask.release#module:description) of M(slipway.flask.release).
    type: list
    elements: dict
    required: true
  common:
    description: Keys of all descriptions that don't have them.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Find out which apps need no deploy
  slipway.flask.release_live:
    descriptions: "{{ app_release_releases }}"
  register: found

- name: Deploy the other apps
  slipway.flask.release:
    description: "{{ item }}"
  loop: "{{ app_release_releases | rejectattr('name', 'in', found.live) }}"
"""

RETURN = r"""
live:
  description: Names of the apps that need no deploy.
  type: list
  elements: str
  returned: success
"""
