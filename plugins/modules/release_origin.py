#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.release_origin; its action plugin does the work, on the host with its half there."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_origin
short_description: Read the live release, to promote it to other hosts
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - Returns the revision and the locked packages of the live release, and fetches its code if the controller once sent it.
  - Fails if no release is live, or if the live release doesn't match its record, was built from uncommitted changes, or
    is being replaced.
  - Changes nothing on the host.
attributes:
  check_mode:
    support: full
    description: Does the same.
options:
  app:
    description: Name of the app on the host.
    type: str
    required: true
  of:
    description: The hosts or the app as named by the user, for messages and records.
    type: str
    required: true
  revision:
    description: The only commit that may be deployed to other hosts; M(slipway.flask.release) refuses another. Empty means any.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Read the live release of staging
  slipway.flask.release_origin:
    app: shop
    of: staging
  delegate_to: vps2
  register: staging
"""

RETURN = r"""
origin:
  description: Value for the key C(promotion) of a description for M(slipway.flask.release).
  type: dict
  returned: success
"""
