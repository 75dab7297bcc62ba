#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.preflight; all its work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Check apps and hosts before anything is changed
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.apps
description:
  - Checks the descriptions of the apps and their sources on the controller, then the host in one round trip.
  - Needs no Python on the host, and sets the C(distribution) facts that roles use.
  - The fact C(slipway_origins) has the C(host) and C(app) of each release that O(revision_of) refers to.
  - Fails with one message that lists all problems; never changes anything.
options:
  version:
    description: Version of that app, if its source has versions; empty means the one in its description.
    type: str
    default: ""
  revision_of:
    description: The group, host or app whose release is promoted to that app; empty means that its source is deployed.
    type: str
    default: ""
    version_added: 0.4.0
  one_app:
    description: Whether O(app) is required if there are several apps.
    type: bool
    default: false
  provision:
    description:
      - Whether the host is about to be provisioned. If so, checks for conflicts - existing users, units, folders,
        databases, nginx sites, and services that listen on ports 80 and 443.
    type: bool
    default: false
  words:
    description: >-
      Words of the command line by the name of their variable, such as C(standby=anew). One that means nothing is refused, with
      O(provision).
    type: dict
    default: {}
    version_added: 0.4.0
  restore:
    description: What C(-e restore=) says; with O(provision), C(latest) is the only one.
    type: str
    version_added: 0.4.0
  audit:
    description: The mode of C(audit) for this run, C(-e audit=report); empty is each app's own.
    type: str
    default: ""
    version_added: 0.4.0
  anew:
    description: An app that may be set up again although it was removed from the host; otherwise, that is refused.
    type: str
    default: ""
    version_added: 0.4.0
  moved:
    description: >-
      An app whose data was moved to a database host; otherwise, a host with data that would be left behind is refused.
    type: str
    default: ""
    version_added: 0.3.0
  disk_mb:
    description: Space that must be free on the file systems of C(/var) and C(/srv), in MiB.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Check the apps and hosts before anything is changed
  slipway.flask.preflight:
    apps: "{{ slipway_apps }}"
    disk_mb: 1024
"""

RETURN = r"""
problems:
  description: The problems, one sentence each.
  type: list
  elements: str
  returned: failure
python:
  description: Whether the host has python3.
  type: bool
  returned: success
cores:
  description: Number of CPUs of the host.
  type: int
  returned: success
memory_mb:
  description: Memory of the host, in megabytes.
  type: int
  returned: success
packages:
  description: Names of the installed packages, separated by spaces; empty unless O(provision).
  type: str
  returned: success
databases:
  description: Names of the PostgreSQL databases that the host has; only with O(provision).
  type: list
  elements: str
  returned: success
remote:
  description: Address of the database host that each app on the host uses now, by the app's name; only with O(provision).
  type: dict
  returned: success
uv:
  description: Version of uv that the host has in the place of the role python_venv; only with O(provision).
  type: str
  returned: success
waiting:
  description: Names of adopted apps whose domains are served by another site until their first release answers.
  type: list
  elements: str
  returned: success
dashboard:
  description: Whether the host has a dashboard now; only with O(provision).
  returned: success
  type: bool
metrics:
  description: Whether the host collects metrics now; only with O(provision).
  returned: success
  type: bool
logs:
  description: Whether the host ships its logs now; only with O(provision).
  returned: success
  type: bool
backups:
  description: Whether the host has backups now; only with O(provision).
  returned: success
  type: bool
way:
  description: >-
    A working C(port), C(user) and C(arguments) of ssh, if those of the inventory don't work; otherwise empty.
  type: dict
  returned: success
previews:
  description: Descriptions of the host's previews; with O(provision) only.
  type: list
  elements: dict
  returned: success
provisioned:
  description: Names of the apps that are already set up on the host; only with O(provision).
  type: list
  elements: str
  returned: success
"""
