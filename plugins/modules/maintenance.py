#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.maintenance; its action plugin does the work, on the host with maintenance_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: maintenance
short_description: Turn maintenance mode for apps on or off
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.apps
description:
  - During maintenance, visitors get a page (JSON for API clients) with status 503 and C(Retry-After). The host itself
    and addresses in C(nginx_tls_maintenance_allow) can still use the site, so that a release can be deployed and
    checked.
  - Nothing is reloaded or restarted. Maintenance mode stays on until it is turned off, regardless of deploys and
    provisioning.
  - Requires sites created by the role P(slipway.flask.nginx_tls#role).
attributes:
  check_mode:
    support: full
    description: Shows what would be done.
options:
  state:
    description: V(on) closes the sites for maintenance, V(off) opens them.
    type: str
    choices: ["on", "off"]
    required: true
  look:
    description: >-
      Only look whether the sites can be switched, on hosts that have an app together with others. Nothing is changed.
    type: bool
    default: false
    version_added: 0.3.0
  undo:
    description: >-
      Name of the variable with the registered results of this module. Switches back the sites of apps that another host has,
      too, and could not switch.
    type: str
    default: ""
    version_added: 0.3.0
"""

EXAMPLES = r"""
- name: Turn on maintenance mode for the shop
  slipway.flask.maintenance:
    apps: "{{ slipway_apps }}"
    app: shop
    state: "on"
"""

RETURN = r"""
sites:
  description: The sites that were closed or opened, without those that already were.
  returned: success
  type: list
  elements: str
"""
