#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.preview; its action plugin does the work, on the host with preview_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preview
short_description: Note a preview of an app with its end date, or remove one
version_added: 0.4.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.apps
description:
  - Notes on the host that a branch of an app is a preview, and when the host has to remove it. Fails if the host has as many as
    C(preview.most) allows.
  - With O(remove), removes the preview with all its data, like M(slipway.flask.remove) without an export.
attributes:
  check_mode:
    support: full
    description: Changes nothing.
options:
  branch:
    description: Branch of the app's repository.
    type: str
    required: true
  remove:
    description: Whether the preview is removed.
    type: bool
    default: false
  fresh:
    description: Whether the database is to be copied anew; fails unless C(preview.database) of the app is V(copy).
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Note a preview
  slipway.flask.preview:
    apps: "{{ slipway_apps }}"
    app: shop
    branch: feature/search
"""

RETURN = r"""
until:
  description: When the host removes the preview (UTC).
  type: str
  returned: success
files:
  description: Files for M(slipway.flask.files) by which the host does so.
  type: list
  elements: dict
  returned: success
units:
  description: The timer that must run for it.
  type: list
  elements: dict
  returned: success
"""
