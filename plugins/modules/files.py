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
  - slipway.flask.service_users
description:
  - Renders templates on the controller and applies the state of all files in one module call.
  - If an entry or O(validate) fails, everything is restored.
  - The contents of files that are not world-readable are not shown in diffs.
  - Reloads systemd if one of the changed files is in C(/etc/systemd/system).
  - If a run was killed or its reload failed, the next run completes the actions for O(units) and systemd, even if no
    file changes.
options:
  files:
    description:
      - The files, in order. A folder must come before its contents.
    type: list
    elements: dict
    required: true
    suboptions:
      dest:
        description: Absolute path on the host.
        type: path
        required: true
      state:
        description:
          - Desired state of O(files[].dest). V(present) is a file that others write to, a log for example - it is
            created if it doesn't exist; for an existing file, only owner and permissions are managed.
        type: str
        choices: [file, directory, link, absent, present]
        default: file
      src:
        description: Template, searched for like in M(ansible.builtin.template).
        type: str
      content:
        description: Contents, instead of O(files[].src).
        type: str
      vars:
        description: Additional variables for the template.
        type: dict
        default: {}
      to:
        description: Target of a link.
        type: str
      mode:
        description: Octal permissions as a string.
        type: str
      owner:
        description: Owning user.
        type: str
      group:
        description: Owning group.
        type: str
  mode:
    description: Default of O(files[].mode); V(0755) for folders and V(0644) for files when neither is set.
    type: str
  owner:
    description: Default of O(files[].owner).
    type: str
    default: root
  group:
    description: Default of O(files[].group).
    type: str
    default: root
  validate:
    description: Command that must succeed after the files are written; run only if something changed.
    type: list
    elements: str
    default: []
  prune:
    description: Folders from which matching files are removed unless they are in O(files).
    type: list
    elements: dict
    default: []
    suboptions:
      folder:
        description: Absolute path of the folder.
        type: path
        required: true
      pattern:
        description: Shell pattern of the file names.
        type: str
        required: true
  users:
    description:
      - Service users to create first, as with M(slipway.flask.service_users). They are kept if a file is rejected.
    type: list
    elements: dict
    default: []
  units:
    description: systemd units to enable and start after the files have been written and O(validate) has succeeded.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the unit, such as V(nginx.service).
        type: str
        required: true
      on_change:
        description: What to do with a running unit if a file has changed.
        type: str
        choices: [reload, restart]
        default: reload
      files:
        description: Paths that trigger this; empty means all of O(files).
        type: list
        elements: path
        default: []
      state:
        description: >-
          V(stopped) is a unit that neither runs nor starts at boot; a unit that doesn't exist counts as stopped.
        type: str
        choices: [started, stopped]
        default: started
  changed:
    description: Whether anything else that O(units) read has changed, such as certificates.
    type: bool
    default: false
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
