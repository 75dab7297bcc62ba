#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.sbom; its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sbom
short_description: Fetch the SBOM of each app's release to the controller
version_added: 0.4.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.apps
description:
  - Each release has a software bill of materials in CycloneDX's JSON format, made at its deploy of what its environment has. This
    fetches it to a file with the names of the host and the app.
  - Nothing is changed on the host.
attributes:
  check_mode:
    support: full
    description: Writes no file.
options:
  release:
    description: Id of a release that is still on the host; empty is the one that serves.
    type: str
    default: ""
  to:
    description: Folder on the controller, relative to the current one. It is made if need be.
    type: path
    default: sboms
"""

EXAMPLES = r"""
- name: Fetch what the shop is made of
  slipway.flask.sbom:
    apps: "{{ slipway_apps }}"
    app: shop
"""

RETURN = r"""
files:
  description: The files that were fetched, also those that were there already.
  returned: success
  type: list
  elements: str
"""
