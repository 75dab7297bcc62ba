#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.release_exec; its action plugin does the work, on the host with release_exec_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_exec
short_description: Run one command, or a schedule, in the live release
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.apps
description:
  - Runs a command as the app's user, with the code, the settings and the secrets of the live release, and prints what
    it prints as it is. It may write where the app may write.
  - Runs on a single host, the first of the play that has the app, unless O(host) or O(on) say otherwise; the others are skipped.
  - Always reports a change, because the effect of a command is unknown.
attributes:
  check_mode:
    support: none
    description: The task is skipped.
options:
  app:
    description: Name of the app; optional if there is only one.
    type: str
    default: ""
  command:
    description:
      - Command line, split into words as a shell does, but run without a shell.
      - C($NAME) outside single quotes is replaced by the app's environment variable; the value of a secret itself is
        refused.
      - Required without O(schedule).
    type: str
    default: ""
  schedule:
    description: Name of one of the app's schedules to run now, with its own unit, instead of O(command).
    type: str
    default: ""
  host:
    description: Name of the host to run it on, instead of the first one that has the app.
    type: str
    default: ""
    version_added: 0.3.0
  "on":
    description: V(all) runs it on every host that has the app, each line of output with the host's name in front.
    type: str
    choices: ["", first, all]
    default: ""
    version_added: 0.3.0
  seconds:
    description: Maximum time for the command, in seconds.
    type: int
    default: 3600
"""

EXAMPLES = r"""
- name: List the users of the shop
  slipway.flask.release_exec:
    apps: "{{ slipway_apps }}"
    app: shop
    command: flask users list

- name: Send the shop's digest now
  slipway.flask.release_exec:
    apps: "{{ slipway_apps }}"
    app: shop
    schedule: digest
"""

RETURN = r"""
release:
  description: Release in which the command ran.
  type: str
  returned: always
rc:
  description: The command's exit status.
  type: int
  returned: always
stdout:
  description: Standard output of the command.
  type: str
  returned: success
stderr:
  description: Standard error of the command.
  type: str
  returned: success
"""
