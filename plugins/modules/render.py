#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.render; its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: render
short_description: Write an app down for Compose, Docker Swarm or Kubernetes
version_added: 0.4.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.apps
description:
  - Writes the files that an engine of containers needs to run an app's image, from the same description that the roles set up a
    host by. No host is asked or changed.
  - Passwords of the servers beside the app are made once and kept in the folder.
  - What the engine can't do with the app is refused before anything is written.
attributes:
  check_mode:
    support: full
    description: Writes no file.
options:
  target:
    description: Engine to write the app down for.
    type: str
    choices: [compose, swarm, kubernetes]
    required: true
  to:
    description: Folder on the controller, relative to the current one. It is made if need be. The default is the target's name.
    type: path
    default: ""
  image:
    description: Reference of the app's image, such as C(registry.example.com/shop:4f2c1a9).
    type: str
    required: true
  settings:
    description: The settings C(slipway_render).
    type: dict
    default: {}
  base:
    description: Folder at which relative paths of sources start, for C(processes=procfile); empty means the current folder.
    type: str
    default: ""
  front:
    description: The files of nginx, as returned by the role nginx_tls (C(tasks_from=container)).
    type: list
    elements: dict
    default: []
  only_check:
    description: Only refuse what is wrong, and return RV(sites).
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Write the shop down for Compose
  slipway.flask.render:
    apps: "{{ slipway_apps }}"
    app: shop
    target: compose
    image: registry.example.com/shop:4f2c1a9
"""

RETURN = r"""
sites:
  description: The site of the nginx in front, as in C(nginx_tls_sites); empty if the engine has a front of its own.
  returned: with O(only_check)
  type: list
  elements: dict
files:
  description: The files that were another one before, or that have been removed.
  returned: success
  type: list
  elements: str
notes:
  description: What of the description has no effect there, one sentence each.
  returned: success
  type: list
  elements: str
to:
  description: The folder.
  returned: success
  type: str
"""
