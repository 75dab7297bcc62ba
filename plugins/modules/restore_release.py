#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.restore_release; its action plugin does the work, on the host with its half there."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore_release
short_description: Have the releases serve again that did before a host was lost
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - Builds the environment of each app's release whose code M(slipway.flask.restore_host) has brought back, starts it, gates
    it, and has it serve. Then the restore of the host is over.
  - An app whose release does not come back is told, and the others go on; the task fails at the end.
attributes:
  check_mode:
    support: full
    description: Does nothing.
options:
  descriptions:
    description: The apps, as the entries of C(app_release_releases) of the role P(slipway.flask.app_release#role).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Have the releases serve again
  slipway.flask.restore_release:
    descriptions: "{{ app_release_releases }}"
"""

RETURN = r"""
releases:
  description: Ids of the releases that serve, by the names of their apps.
  type: dict
  returned: success
report:
  description: How long the restore of the host took in seconds, and the time of the last transaction that the database has.
  type: dict
  returned: success
"""
