#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.drift; its action plugin does the work, on the host with drift_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: drift
short_description: Find differences between the apps on a host and their deployed state
version_added: 0.4.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.apps
description:
  - Finds what no role compares - services and timers of the live release that are stopped or not enabled, edited copies
    of a release's units and settings, drop-ins of units, unknown files in the folders of apps, and PostgreSQL settings
    that are overridden by another file.
  - Never changes anything; C(changed) indicates whether something differs.
attributes:
  check_mode:
    support: full
    description: Does the same.
  diff_mode:
    support: full
    description: Shows units that differ; of settings only the names, because values may be secret.
"""

EXAMPLES = r"""
- name: Compare the releases, services and folders of each app
  slipway.flask.drift:
    apps: "{{ slipway_apps }}"
"""

RETURN = r"""
differences:
  description: What differs.
  returned: always
  type: list
  elements: dict
  contains:
    what:
      description: A path, a unit, or a setting.
      type: str
    words:
      description: How it differs.
      type: str
"""
