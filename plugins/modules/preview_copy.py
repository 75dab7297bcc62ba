#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.preview_copy; its action plugin does the work, on the host with preview_copy_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preview_copy
short_description: Copy the database of an app for a preview and make the copy anonymous
version_added: 0.4.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.apps
description:
  - Copies the app's PostgreSQL database on the host, runs C(preview.anonymize) with the code of the app's live release on the copy,
    and puts the result in the place of the preview's database. If any of this fails, the preview's database stays as it was.
  - Does nothing unless C(preview.database) of the app is V(copy), and nothing for a preview that has its copy.
attributes:
  check_mode:
    support: full
    description: Changes nothing.
options:
  branch:
    description: Branch of the app's repository.
    type: str
    required: true
  fresh:
    description: Whether the database is copied anew; what the preview has in its database is lost.
    type: bool
    default: false
  cluster:
    description: Cluster, such as C(17/main), that has the databases; required only if there are several.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Copy the app's database for a preview
  slipway.flask.preview_copy:
    apps: "{{ slipway_apps }}"
    app: shop
    branch: feature/search
"""

RETURN = r"""
copied:
  description: When the database was copied (UTC).
  type: str
  returned: success
notes:
  description: What was left out of the copy, or is otherwise worth knowing.
  type: list
  elements: str
  returned: success
"""
