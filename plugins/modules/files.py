#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.files; its action plugin does the work, on the host with files_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: files
short_description: Write many files, folders and links in one round trip, all or none, with their users and units
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.service_users
description:
  - Renders templates on the controller and brings all files to their state in one module call.
  - When an entry or O(validate) fails, everything is put back as it was.
  - Files that not everybody may read show no contents in a diff.
  - systemd reads its units again when one of the files changed that is below C(/etc/systemd/system).
  - What a run that was killed, or whose reload failed, has left undone for O(units) and systemd is done by the next one,
    although no file changes then.
options:
  files:
    description:
      - The wanted files, in order. A folder must stand before what is in it.
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
          - What is wanted at O(files[].dest). V(present) is a file that others write, a log for example - it is made when
            it is not there, and of one that is there only owner and permission bits are looked at.
        type: str
        choices: [file, directory, link, absent, present]
        default: file
      src:
        description: Template, looked up like that of M(ansible.builtin.template).
        type: str
      content:
        description: Contents, instead of O(files[].src).
        type: str
      vars:
        description: Further variables for the template.
        type: dict
        default: {}
      to:
        description: Target of a link.
        type: str
      mode:
        description: Octal permission bits as text.
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
    description: Folders in which matching files that are not in O(files) are removed.
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
      - Users of services that are made first, as M(slipway.flask.service_users) makes them. They stay when a file is refused.
    type: list
    elements: dict
    default: []
  units:
    description: Units of systemd that shall be enabled and run once the files are written and O(validate) succeeded.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Its name, such as V(nginx.service).
        type: str
        required: true
      on_change:
        description: What is done with one that runs already when a file changed.
        type: str
        choices: [reload, restart]
        default: reload
      files:
        description: The paths that this is done for; any of O(files) when empty.
        type: list
        elements: path
        default: []
      state:
        description: V(stopped) is a unit that shall neither run nor start at boot; one that the host lacks is.
        type: str
        choices: [started, stopped]
        default: started
  changed:
    description: Whether something else that O(units) read has changed, such as certificates.
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
  description: Paths that were changed, in order.
  type: list
  elements: str
  returned: always
actions:
  description: What was done with users and units, or would be.
  type: list
  elements: str
  returned: success
  sample: [user shop made, systemd reloaded, nginx.service reloaded]
"""
