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

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._host import packages
from ansible_collections.slipway.flask.plugins.module_utils._python import uv_ahead


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "list", "elements": "str", "required": True},
            "files": {"type": "dict", "default": {}},
            "uv": {"type": "dict", "options": uv_ahead.OPTIONS},
            "cache_seconds": {"type": "int", "default": 86400},
            "lock_seconds": {"type": "int", "default": 1800},
        },
        supports_check_mode=True,
    )
    wanted = packages.missing(module.params["name"]) if module.params["name"] else []
    if wanted and not module.check_mode:
        try:
            packages.write_first(module.params["files"])
            with uv_ahead.fetched(module.params["uv"]):
                waited = packages.install(wanted, module.params["cache_seconds"], module.params["lock_seconds"])
        except packages.PackagesError as error:
            module.fail_json(msg=str(error))
        if waited:
            module.warn(waited)
    module.exit_json(changed=bool(wanted), installed=wanted)


if __name__ == "__main__":
    main()
