#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.preflight; all its work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Refuse what can't work, before anything on a host is changed
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.apps
description:
  - Checks the description of the apps and their sources on the controller, then the host, in one round trip.
  - Needs no Python on the host and gives the C(distribution) facts that roles ask for.
  - Fails with one message that lists everything that is wrong; it never changes anything.
options:
  version:
    description: The version of that app which is meant, where its source has versions; empty means the described one.
    type: str
    default: ""
  one_app:
    description: Whether O(app) must be named when there are several.
    type: bool
    default: false
  provision:
    description:
      - Whether the host is about to be provisioned, so that what is there and belongs to somebody else is looked for -
        users, units, folders, databases, sites of nginx, and who listens on the ports 80 and 443.
    type: bool
    default: false
  audit:
    description: The mode of C(audit) for this run, C(-e audit=report); empty is each app's own.
    type: str
    default: ""
    version_added: 0.4.0
  anew:
    description: An app that is to be set up although it was removed from the host; else that is refused.
    type: str
    default: ""
    version_added: 0.4.0
  disk_mb:
    description: Space that must be free on the file systems of C(/var) and C(/srv), in megabytes.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Refuse what can't work before anything is changed
  slipway.flask.preflight:
    apps: "{{ slipway_apps }}"
    disk_mb: 1024
"""

RETURN = r"""
problems:
  description: What is wrong, one sentence each.
  type: list
  elements: str
  returned: failure
python:
  description: Whether the host has python3.
  type: bool
  returned: success
cores:
  description: Processors of the host.
  type: int
  returned: success
memory_mb:
  description: Memory of the host, in megabytes.
  type: int
  returned: success
packages:
  description: Names of the installed packages, with spaces between; empty unless O(provision).
  type: str
  returned: success
waiting:
  description: Names of the adopted apps whose domains another site serves until their first release answers.
  type: list
  elements: str
  returned: success
dashboard:
  description: Whether the host has the dashboard's page now; only known when it is to be provisioned.
  returned: success
  type: bool
metrics:
  description: Whether the host collects metrics now; only known when it is to be provisioned.
  returned: success
  type: bool
logs:
  description: Whether the host sends its logs to a receiver now; only known when it is to be provisioned.
  returned: success
  type: bool
backups:
  description: Whether the host makes backups now; only known when it is to be provisioned.
  returned: success
  type: bool
way:
  description: The way in that works, where the inventory's does not - C(port), C(arguments) of ssh, C(user); empty else.
  type: dict
  returned: success
provisioned:
  description: Names of the apps that are set up on the host already; with O(provision) only.
  type: list
  elements: str
  returned: success
"""
