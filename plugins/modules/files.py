#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.files; its action plugin does the work, on the host with files_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: files
short_description: Write files, folders and links in one round trip, all or none, with their users and units
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.files
  - slipway.flask.service_users
description:
  - Renders templates on the controller and applies the state of all files in one module call.
  - If an entry or O(validate) fails, everything is restored.
  - The contents of files that are not world-readable are not shown in diffs.
  - Reloads systemd if one of the changed files is in C(/etc/systemd/system).
  - If a run was killed or its reload failed, the next run completes the actions for O(units) and systemd, even if no
    file changes.
"""

EXAMPLES = r"""
- name: Write nginx's configuration
  slipway.flask.files:
    files:
      - {src: nginx.conf.j2, dest: /etc/nginx/nginx.conf}
      - {dest: /etc/nginx/sites-enabled/default, state: absent}
    validate: [nginx, -t]
    units: [{name: nginx.service}]
"""

RETURN = r"""
changed_files:
  description: Changed paths, in order.
  type: list
  elements: str
  returned: always
actions:
  description: Actions for users and units that were taken, or would be.
  type: list
  elements: str
  returned: success
  sample: [user shop made, systemd reloaded, nginx.service reloaded]
"""
