#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.import_data; its action plugin does the work, on the host with import_data_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: import_data
short_description: Bring an existing site's database and files into an app
version_added: 0.3.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.apps
description:
  - Takes a dump of a PostgreSQL database in each of pg_dump's formats, compressed or not, also from another provider or another
    version of the server, and files in a tar, a zip or a folder.
  - An app with MariaDB takes a dump of MySQL or MariaDB, as SQL. It is loaded by an account that has rights on the new database
    alone; its database's name, definers and accounts are left out, and MySQL's collations become MariaDB's.
  - The data is made ready beside what serves and swapped in while the site is closed for maintenance. A dump that fails half-way
    changes nothing, and the statement that failed is named.
  - A dump is run as the app's own role, and not by psql. Owners, rights, roles, publications and settings of the server that it
    comes from are left out. Extensions must be among the app's C(database_extensions).
  - Its migration head is compared with the release's; the release's migrations are run where it is behind.
  - Runs on one host, the first of the play that has the app; the others are skipped.
attributes:
  check_mode:
    support: full
    description: Says whether it would be refused; nothing is sent.
options:
  app:
    description: Name of the app; it may be left out when there is but one.
    type: str
    default: ""
  dump:
    description: The dump on the controller, a file or a folder (directory format).
    type: path
    default: ""
  folder:
    description: The files on the controller, a tar (C(.gz), C(.zst), C(.xz)), a zip or a folder.
    type: path
    default: ""
  into:
    description: Which of the app's C(shared_folders) or C(writable_paths) they go into; needed where there are several.
    type: str
    default: ""
  replace:
    description: Whether data that is there is replaced. It is kept beside the new data, under another name.
    type: bool
    default: false
  schema:
    description:
      - V(upgrade) runs the release's migrations in a dump that is behind, and refuses one that the release does not know.
      - V(keep) takes the dump as it is.
    type: str
    default: upgrade
    choices: [upgrade, keep]
"""

EXAMPLES = r"""
- name: Bring the old site's data
  slipway.flask.import_data:
    apps: "{{ slipway_apps }}"
    app: shop
    dump: old.dump
    folder: uploads.tar.gz
    into: uploads
"""

RETURN = r"""
kept:
  description: What was there before and is kept, one sentence each.
  returned: success
  type: list
  elements: str
seconds:
  description: How long each step took.
  returned: success
  type: dict
closed_seconds:
  description: How long the site was closed.
  returned: success
  type: float
"""
