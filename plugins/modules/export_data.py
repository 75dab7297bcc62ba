#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.export_data; its action plugin does the work, on the host with export_data_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: export_data
short_description: Fetch an app's database and files to the controller
version_added: 0.3.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.apps
description:
  - Writes a dump of the app's database (PostgreSQL's in pg_dump's custom format, MySQL's and MariaDB's as SQL) and a tar of each
    of its shared folders and writable paths. Names have the time, files are readable by their owner alone.
  - The database is read first, as of one moment, and the folders after it. SQLite databases in them are copied with SQLite's
    online backup.
  - Nothing is kept on the host. A run that is cut off leaves no file here.
  - Runs on one host, the first of the play that has the app; the others are skipped.
attributes:
  check_mode:
    support: full
    description: Says what would be fetched.
options:
  app:
    description: Name of the app; it may be left out when there is but one.
    type: str
    default: ""
  to:
    description: Folder on the controller, relative to the current one. It is made if need be.
    type: path
    default: exports
"""

EXAMPLES = r"""
- name: Fetch what the shop has
  slipway.flask.export_data:
    apps: "{{ slipway_apps }}"
    app: shop
    to: exports
"""

RETURN = r"""
files:
  description: The files that were written.
  returned: success
  type: list
  elements: str
"""
