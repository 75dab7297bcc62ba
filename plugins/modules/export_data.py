#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.export_data; its action plugin does the work, on the host with export_data_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: export_data
short_description: Export an app's database and files to the controller
version_added: 0.3.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.apps
description:
  - Writes a dump of the app's database (PostgreSQL in pg_dump's custom format, MySQL and MariaDB as SQL) and a tar
    archive of each of its shared folders and writable paths. File names contain the time; only the owner can read the
    files.
  - A consistent snapshot of the database is exported first, followed by the folders. SQLite databases in them are
    copied with SQLite's online backup.
  - Nothing is left on the host. An interrupted run leaves no files on the controller.
  - Runs on a single host, the first of the play that has the app; the others are skipped.
attributes:
  check_mode:
    support: full
    description: Shows what would be exported.
options:
  app:
    description: Name of the app; optional if there is only one.
    type: str
    default: ""
  to:
    description: Folder on the controller, relative to the current folder. It is created if it doesn't exist.
    type: path
    default: exports
  at:
    description:
      - Export only the database, as it was at this time, from the backups of the host that has it. C(latest), a time
        such as C(2026-11-25 14:05) (UTC, or with an offset), or the name of a restore point.
      - Nothing on the host is changed. PostgreSQL with C(slipway_backups) only.
    type: str
    default: ""
    version_added: 0.4.0
"""

EXAMPLES = r"""
- name: Export the shop's data
  slipway.flask.export_data:
    apps: "{{ slipway_apps }}"
    app: shop
    to: exports
"""

RETURN = r"""
files:
  description: The written files.
  returned: success
  type: list
  elements: str
"""
