#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.file_texts; its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: file_texts
short_description: Return the contents of files without writing them
version_added: 0.4.0
author: Slipway contributors (@slipway)
description:
  - Renders the templates of entries for M(slipway.flask.files) on the controller, and returns their contents. No host is asked.
  - Contents may be secret; set C(no_log).
attributes:
  check_mode:
    support: full
    description: Nothing is ever changed.
options:
  files:
    description: The entries, as in M(slipway.flask.files). Folders, links and files to remove are left out.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Render the settings of nginx for a container
  slipway.flask.file_texts:
    files:
      - {src: nginx.conf.j2, dest: /etc/nginx/nginx.conf}
  register: rendered
  no_log: true
"""

RETURN = r"""
files:
  description: Path and contents of each file.
  returned: success
  type: list
  elements: dict
  contains:
    dest:
      description: Path.
      type: str
    content:
      description: Contents.
      type: str
"""
