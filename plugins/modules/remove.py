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
  - Tells what will go and how large it is, and asks. Then it closes the site, ends all that runs of the app, exports its
    database and folders to the controller, and removes its units and timers, users, folders, site, certificate with its
    renewal, logs, databases and roles, PgBouncer's pool, instances of Redis, and what the host knows of it.
  - The app need not be described any more. What it has on the host is found there.
  - Other apps of the host are not touched. nginx is reloaded, PostgreSQL and MariaDB are neither restarted nor reloaded.
  - After a kill, the next run goes on.
attributes:
  check_mode:
    support: full
    description: Tells what would go.
options:
  app:
    description: Name of the app.
    type: str
    required: true
  apps:
    description: The apps that are described, by which the user is told that O(app) is still one of them.
    type: list
    elements: dict
    default: []
  confirmed:
    description: Remove without asking, as is needed where there is no terminal.
    type: bool
    default: false
  export:
    description: Whether the database and the folders are exported to the controller before they go.
    type: bool
    default: true
  to:
    description: Folder on the controller for the export.
    type: str
    default: exports
  backups:
    description:
      - What becomes of the app's backups. V(keep) leaves them at the targets until they are too old. V(forget) removes the
        snapshots of its folders, and dumps that were made before migrations.
      - Backups of PostgreSQL are of the whole server, and one database can't be taken out of them.
    type: str
    choices: [keep, forget]
    default: keep
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
  description: What there was of the app.
  type: dict
  returned: always
files:
  description: Paths of the files on the controller that the export has written.
  type: list
  elements: str
  returned: when something was exported
notes:
  description: What stays, one sentence each.
  type: list
  elements: str
  returned: success
"""
