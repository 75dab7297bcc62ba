#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.maintenance; its action plugin does the work, on the host with maintenance_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: maintenance
short_description: Close the sites of apps for maintenance, or open them again
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.apps
description:
  - Visitors of a closed site get a page (JSON for programs) with status 503 and C(Retry-After). The host itself and
    C(nginx_tls_maintenance_allow) see the site, so that a release can be deployed and looked at.
  - Nothing is reloaded or restarted. A site stays closed until it is opened, whatever is deployed or provisioned.
  - Needs sites made by the role P(slipway.flask.nginx_tls#role).
attributes:
  check_mode:
    support: full
    description: Says what would be done.
options:
  state:
    description: V(on) closes the sites, V(off) opens them.
    type: str
    choices: ["on", "off"]
    required: true
"""

EXAMPLES = r"""
- name: Close the shop
  slipway.flask.maintenance:
    apps: "{{ slipway_apps }}"
    app: shop
    state: "on"
"""

RETURN = r"""
sites:
  description: The sites that were closed or opened; those that were so before are not among them.
  returned: success
  type: list
  elements: str
"""
