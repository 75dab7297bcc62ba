#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.import_data; its action plugin does the work, on the host with import_data_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: import_data
short_description: Import an existing site's database and files into an app
version_added: 0.3.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.apps
description:
  - Takes a PostgreSQL dump in any of pg_dump's formats, compressed or not, even from another provider or server
    version, and files as a tar archive, a zip file or a folder.
  - For an app with MariaDB, takes a MySQL or MariaDB dump as SQL. It is loaded by an account that can only access the
    new database; database names, definers and accounts are ignored, and MySQL collations are converted to MariaDB's.
  - The data is prepared next to the live data and swapped in while the site is in maintenance mode. A dump that fails
    changes nothing, and the failing statement is reported.
  - A dump is loaded with the app's own role, not with psql. Owners, privileges, roles, publications and server settings
    are ignored. Extensions must be listed in the app's C(database_extensions).
  - Compares the migration head of the dump with that of the release, and runs the release's migrations if the dump is
    behind.
  - Runs on a single host, the first of the play that has the app; the others are skipped.
attributes:
  check_mode:
    support: full
    description: Shows whether the import would be refused; nothing is sent.
options:
  app:
    description: Name of the app; optional if there is only one.
    type: str
    default: ""
  dump:
    description: Path of the dump on the controller, a file or a folder (directory format).
    type: path
    default: ""
  folder:
    description: Path of the files on the controller, a tar archive (C(.gz), C(.zst), C(.xz)), a zip file or a folder.
    type: path
    default: ""
  into:
    description: >-
      Which of the app's C(shared_folders) or C(writable_paths) to import the files into; required if there are several.
    type: str
    default: ""
  replace:
    description: Replace existing data. It is kept next to the new data, under another name.
    type: bool
    default: false
  schema:
    description:
      - V(upgrade) runs the release's migrations if the dump is behind, and refuses a dump with an unknown revision.
      - V(keep) imports the dump as it is.
    type: str
    default: upgrade
    choices: [upgrade, keep]
"""

EXAMPLES = r"""
- name: Import the old site's data
  slipway.flask.import_data:
    apps: "{{ slipway_apps }}"
    app: shop
    dump: old.dump
    folder: uploads.tar.gz
    into: uploads
"""

RETURN = r"""
kept:
  description: Previous data that is kept, one sentence each.
  returned: success
  type: list
  elements: str
seconds:
  description: Duration of each step, in seconds.
  returned: success
  type: dict
closed_seconds:
  description: How long the site was in maintenance mode, in seconds.
  returned: success
  type: float
"""
