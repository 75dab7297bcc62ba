#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Ansible module: a pinned uv, and the Python that environments are made from."""

from __future__ import annotations

DOCUMENTATION = r"""
module: uv_install
short_description: Install a pinned version of uv, and find a Python for it
version_added: 0.1.0
description:
  - Installs one version of uv from its wheel, which must have one of the given hashes, with the pip wheel of the
    distribution's package C(python3-pip-whl). Nothing else is needed on the host.
  - Each version has its own folder; a symbolic link to it is replaced atomically. Older versions are removed.
  - Also finds the requested Python, lets uv download it to C(/opt/slipway/python), or reports which versions the host
    has.
extends_documentation_fragment:
  - slipway.flask.interpreters
options:
  version:
    description: Version of uv. An empty string installs none; O(link) must then point to an installed one.
    type: str
    required: true
  hashes:
    description: Accepted hashes of uv's wheels, each C(sha256:) followed by 64 hex digits.
    type: list
    elements: str
    default: []
  link:
    description: Stable path of uv. It must end with C(bin/uv); the versions are stored next to C(bin).
    type: path
    default: /opt/slipway/bin/uv
  python:
    description:
      - Python to find - empty for the distribution's C(python3), a version such as C(3.12), or an absolute path.
      - A version that the host lacks is downloaded by uv, unless O(python_downloads) is off.
    type: str
    default: ""
attributes:
  check_mode:
    description: Shows what would change; a Python or uv that an earlier task would have installed is not an error.
    support: full
  diff_mode:
    description: Shows the versions before and after.
    support: full
author: Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Install uv
  slipway.flask.uv_install:
    version: 0.13.8
    hashes:
      - sha256:b26fe533dc6153787e40443b7d9428ed41349127bff36a954ec82c48be01ded9
"""

RETURN = r"""
path:
  description: The stable path of uv.
  returned: success
  type: str
version:
  description: Version of uv; empty if O(version) is empty.
  returned: success
  type: str
python:
  description: Path of the interpreter without symbolic links; empty if none was found in check mode.
  returned: success
  type: str
python_version:
  description: The interpreter's full version.
  returned: success
  type: str
"""

import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._python import fetching, interpreters
from ansible_collections.slipway.flask.plugins.module_utils._python import uv as tools
from ansible_collections.slipway.flask.plugins.module_utils._python import uv_install as uv
from ansible_collections.slipway.flask.plugins.module_utils._python.options import OPTIONS

ARGUMENTS = {
    "version": {"type": "str", "required": True},
    "hashes": {"type": "list", "elements": "str", "default": []},
    "link": {"type": "path", "default": "/opt/slipway/bin/uv"},
    "python": {"type": "str", "default": ""},
    **OPTIONS,
}


def main() -> None:
    """See to uv, then to Python."""
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    wanted = module.params
    python = fetching.Interpreter("", "", "")
    index = tools.Index(wanted["index_url"], tuple(wanted["extra_index_urls"]), wanted["ca_bundle"])
    link = Path(wanted["link"])
    done = uv.Installed(False, "", "", link)
    fetches = fetching.Fetching(
        str(link), wanted["python_downloads"], wanted["python_mirror"], wanted["python_list_url"], index
    )
    try:
        if wanted["version"]:
            done = uv.install(wanted["version"], wanted["hashes"], link, index, check=module.check_mode)
        elif not module.check_mode and not os.access(link, os.X_OK):
            raise tools.EnvironmentError_(f"there is no uv at {link}, and no version to install was given")
        there = set(fetches.fetched())
        try:
            python = interpreters.find(wanted["python"], fetching=fetches, check=module.check_mode)
        except tools.EnvironmentError_:
            if not module.check_mode:
                raise
        fetched = python.version if not python.path or set(fetches.fetched()) - there else ""
    except tools.EnvironmentError_ as error:
        module.fail_json(msg=str(error))
    before = f"uv {done.before or 'absent'}\n" if done.changed else ""
    after = f"uv {done.version}\n" if done.changed else ""
    if fetched:
        before, after = f"{before}Python {fetched} absent\n", f"{after}Python {fetched}\n"
    module.exit_json(
        changed=bool(after),
        path=str(done.path),
        version=done.version,
        python=python.path,
        python_version=python.version,
        diff={"before": before, "after": after} if after else {},
    )


if __name__ == "__main__":
    main()
