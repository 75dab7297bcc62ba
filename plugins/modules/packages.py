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
  - Installs missing packages, without recommended ones; the versions of installed packages are not changed.
  - Unlike M(ansible.builtin.apt), it doesn't need C(python3-apt), which bare images lack and whose installation is a
    separate transaction, and it doesn't open the package cache if nothing is missing.
attributes:
  check_mode:
    support: full
    description: Shows what would be installed.
options:
  name:
    description: The packages. For V(one | another), the first one is installed if the host has neither.
    type: list
    elements: str
    required: true
  files:
    description:
      - Files to write before the packages are installed, as path to contents. They are written only if a package is
        missing, and never overwrite existing files.
    type: dict
    default: {}
  uv:
    description:
      - A version of uv to download while APT installs, once pip's wheel (C(python3-pip-whl)) is unpacked; the same as
        the options of M(slipway.flask.uv_install), which activates it.
      - This is only a head start. What can't be downloaded here is downloaded there.
    type: dict
    suboptions:
      version:
        description: Version of uv; empty downloads none.
        type: str
        required: true
      hashes:
        description: Accepted hashes of uv's wheels, each C(sha256:) followed by 64 hex digits.
        type: list
        elements: str
        default: []
      link:
        description: Stable path of uv; the versions are stored next to its folder C(bin).
        type: path
        default: /opt/slipway/bin/uv
      ca_bundle:
        description: File of certificate authorities to trust, if it exists.
        type: path
        default: /etc/ssl/certs/ca-certificates.crt
      index_url:
        description: Package index instead of the host's own setting. May contain a user and password.
        type: str
        default: ""
      extra_index_urls:
        description: Additional package indexes. May contain users and passwords.
        type: list
        elements: str
        default: []
  environments:
    description:
      - Apps, as entries of C(app_release_releases) of the role P(slipway.flask.app_release#role), whose environments
        are built while APT installs, as soon as the uv in O(uv) is available. The first release of an app then uses it.
      - This is only a head start, for a folder on the controller with hashed requirements or a C(uv.lock), and for
        packages available as wheels. What can't be built here is built by the release.
    type: list
    elements: dict
    default: []
  cache_seconds:
    description: Age at which APT's package lists are downloaded again, in seconds.
    type: int
    default: 86400
  lock_seconds:
    description:
      - How long to wait for another run of APT, in seconds; a new host installs its updates at first boot, and security
        updates are installed at night. A warning reports what the task waited for.
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
  description: The installed packages.
  type: list
  elements: str
  returned: success
"""
