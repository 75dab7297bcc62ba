#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.restore_release; its action plugin does the work, on the host with its half there."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore_release
short_description: Start the releases that were current before a host was lost
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - Builds the environment of each app's release whose code was restored by M(slipway.flask.restore_host), starts it,
    gates it, and switches to it. This completes the restore of the host.
  - If a release can't be restored, the task reports it, continues with the other apps, and fails at the end.
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
- name: Start the releases again
  slipway.flask.restore_release:
    descriptions: "{{ app_release_releases }}"
"""

RETURN = r"""
releases:
  description: IDs of the live releases, by app name.
  type: dict
  returned: success
report:
  description: Duration of the restore in seconds, and the time of the last transaction in the database.
  type: dict
  returned: success
"""
