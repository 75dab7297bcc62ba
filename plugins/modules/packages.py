#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)

from __future__ import annotations

DOCUMENTATION = r"""
module: packages
short_description: Install APT packages in one transaction
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Installs what is missing, without recommended packages; installed packages are left at their version.
  - Unlike M(ansible.builtin.apt) it needs no C(python3-apt), which a bare image lacks and whose installation is a
    transaction of its own, and it opens no package cache when nothing is missing.
attributes:
  check_mode:
    support: full
    description: Tells what would be installed.
options:
  name:
    description: The packages. Of V(one | another), the first is installed when the host has neither.
    type: list
    elements: str
    required: true
  files:
    description:
      - Files that the installation of the packages reads, path to text. They are written when a package is missing, and never
        over one that is there.
    type: dict
    default: {}
  uv:
    description:
      - A uv to fetch while APT installs, once pip's wheel (C(python3-pip-whl)) is unpacked; the same as the options of
        M(slipway.flask.uv_install), which puts it into use.
      - It is a head start and nothing else. What can't be fetched here is fetched there.
    type: dict
    suboptions:
      version:
        description: Which version; empty fetches none.
        type: str
        required: true
      hashes:
        description: Accepted hashes of uv's wheels, each C(sha256:) and 64 hex digits.
        type: list
        elements: str
        default: []
      link:
        description: Stable path of uv; the versions lie beside its folder C(bin).
        type: path
        default: /opt/slipway/bin/uv
      ca_bundle:
        description: File of certificate authorities to trust, if it exists.
        type: path
        default: /etc/ssl/certs/ca-certificates.crt
      index_url:
        description: Package index instead of the host's own setting. May hold a user and password.
        type: str
        default: ""
      extra_index_urls:
        description: Further package indexes. May hold users and passwords.
        type: list
        elements: str
        default: []
  environments:
    description:
      - Apps, as the entries of C(app_release_releases) of the role P(slipway.flask.app_release#role), whose environments are built
        while APT installs, once there is the uv of O(uv). The first release of an app finds its own there.
      - It is a head start and nothing else, for a folder on the controller with hashed requirements or a C(uv.lock), and for what
        comes as wheels. What can't be built here is built by the release.
    type: list
    elements: dict
    default: []
  cache_seconds:
    description: Age at which APT's package lists are fetched again, in seconds.
    type: int
    default: 86400
  lock_seconds:
    description:
      - How long another run of APT is waited for, in seconds; a new host installs its updates at first boot, and security
        updates install themselves at night. A warning says who was waited for.
    type: int
    default: 1800
"""

EXAMPLES = r"""
- name: Install nginx
  slipway.flask.packages:
    name: [nginx, openssl]
"""

RETURN = r"""
installed:
  description: The packages that were missing.
  type: list
  elements: str
  returned: success
"""
