#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.remove; its action plugin does the work, on the host with remove_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: remove
short_description: Remove everything of one app from a host
version_added: 0.4.0
author: Slipway contributors (@slipway)
description:
  - Shows what will be removed and its size, and asks for confirmation. Then closes the site, stops all processes of the
    app, exports its database and folders to the controller, and removes its units and timers, users, folders, site,
    certificate with its renewal, logs, databases and roles, PgBouncer pool, Redis instances, and all records of it on
    the host.
  - The app need not be in C(slipway_apps) any more. Everything that belongs to it is found on the host.
  - Other apps on the host are not affected. nginx is reloaded; PostgreSQL and MariaDB are neither restarted nor
    reloaded, except for a reload on a host that has had the database for others.
  - If a run is killed, the next one continues.
attributes:
  check_mode:
    support: full
    description: Shows what would be removed.
options:
  app:
    description: Name of the app.
    type: str
    required: true
  apps:
    description: The described apps, to point out that O(app) is still one of them.
    type: list
    elements: dict
    default: []
  confirmed:
    description: Remove without asking for confirmation; required if there is no terminal.
    type: bool
    default: false
  export:
    description: Export the database and the folders to the controller before they are removed.
    type: bool
    default: true
  to:
    description: Folder on the controller for the export.
    type: str
    default: exports
  backups:
    description:
      - What to do with the app's backups. V(keep) leaves them at the targets until they expire. V(forget) removes the
        snapshots of its folders, and dumps that were made before migrations.
      - PostgreSQL backups contain the whole server; a single database can't be removed from them.
    type: str
    choices: [keep, forget]
    default: keep
  step:
    description:
      - Which part to do, where the app's database is on another host than the app, in this order. V(look) shows what
        each host has, V(ask) asks once for all hosts, V(stop) ends what runs, V(remove) exports and removes.
      - The result of V(look) must be registered as C(slipway_removal).
    type: str
    choices: [all, look, ask, stop, remove]
    default: all
"""

EXAMPLES = r"""
- name: Remove the shop
  slipway.flask.remove:
    app: shop
    apps: "{{ slipway_apps }}"
    confirmed: true
"""

RETURN = r"""
found:
  description: What belonged to the app.
  type: dict
  returned: always
files:
  description: Paths of the exported files on the controller.
  type: list
  elements: str
  returned: when something was exported
notes:
  description: What is kept, one sentence each.
  type: list
  elements: str
  returned: success
"""
