# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of files with their users and units, as slipway.flask.files has them."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
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
"""
