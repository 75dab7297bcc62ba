#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Ansible module: one virtual environment, named by what is in it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: python_env
short_description: Build a virtual environment whose name says what is in it
version_added: 0.1.0
description:
  - Makes C(<root>/<key>) with uv. The key is a hash of every file that decides what is installed, of the interpreter
    and of the options below, so the same key is the same environment and is built once.
  - An environment is built under another name and moved into place when it is whole and on the disk. A build that
    fails or is killed leaves no environment; two builds at once wait for each other.
  - Reads, in this order, C(uv.lock), C(poetry.lock), C(pdm.lock), C(requirements.txt), C(requirements/production.txt),
    C(requirements/prod.txt), C(pyproject.toml), C(setup.py), C(setup.cfg); the first that exists is used.
  - Hashes in requirement files are enforced for all packages as soon as one is given.
extends_documentation_fragment:
  - slipway.flask.interpreters
options:
  project:
    description: Folder on the host with the application's Python files.
    type: path
    required: true
  root:
    description: Folder that holds the environments.
    type: path
    required: true
  requirements:
    description: Files in O(project) to read instead of the detected one.
    type: list
    elements: str
    default: []
  extra_packages:
    description:
      - Requirement lines that are installed together with the project's own. To a lock, or a list with hashes, they are
        added afterwards and may change nothing in it.
    type: list
    elements: str
    default: []
  constraints:
    description: Requirement lines that limit versions, also of what packages need themselves. A lock must meet them.
    type: list
    elements: str
    default: []
  overrides:
    description: Requirement lines that go before what the project's list, its lock or any package says.
    type: list
    elements: str
    default: []
  groups:
    description: Dependency groups to install too (not for requirement files).
    type: list
    elements: str
    default: []
  extras:
    description: Optional dependencies to install too (not for requirement files).
    type: list
    elements: str
    default: []
  install_project:
    description:
      - Install the project itself too, as a package. The default is to do so only when it keeps its packages in
        C(src/), because an application is run from its source folder.
    type: bool
  link:
    description: Symbolic link that is pointed to the environment, atomically.
    type: path
  python:
    description:
      - A version such as C(3.12), C(python3) for the distribution's own, or an absolute path.
      - Empty takes what the project says of its Python (C(.python-version), C(runtime.txt), C(Pipfile),
        C(.tool-versions), C(requires-python)), else the distribution's.
      - The distribution's interpreter is taken if it fits; else uv fetches one that does.
    type: str
    default: ""
  uv:
    description: Path of uv.
    type: path
    default: /opt/slipway/bin/uv
  extra_index_urls:
    description: Further package indexes, asked before O(index_url). May hold users and passwords.
attributes:
  check_mode:
    description: Says whether something would be built; a project that does not exist yet would be.
    support: full
  diff_mode:
    description: Shows where the link leads before and after.
    support: full
author: Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Build the blog's environment
  slipway.flask.python_env:
    project: /srv/blog/src
    root: /srv/blog/venvs
    extra_packages: [gunicorn]
    link: /srv/blog/venv
"""

RETURN = r"""
key:
  description: Name of the environment below O(root); empty when check mode could not know it.
  returned: success
  type: str
path:
  description: Folder of the environment.
  returned: success
  type: str
created:
  description: Whether this call built it.
  returned: success
  type: bool
seconds:
  description: What that took.
  returned: success
  type: float
python_version:
  description: Full version of its Python.
  returned: success
  type: str
source:
  description: File that the dependencies were read from.
  returned: success
  type: str
ignored:
  description: Other files that could have been read.
  returned: success
  type: list
  elements: str
added:
  description: Lines of O(extra_packages) that were added to a lock or to a list with hashes.
  returned: success
  type: list
  elements: str
overridden:
  description: What O(overrides) replaced, and which packages want another version.
  returned: success
  type: list
  elements: str
packages:
  description: Name and version of everything in the environment.
  returned: success
  type: dict
notes:
  description: What to know of how it was built, such as why its Python is not the distribution's.
  returned: success
  type: list
  elements: str
"""

import os
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._python import environment as environments
from ansible_collections.slipway.flask.plugins.module_utils._python.options import OPTIONS
from ansible_collections.slipway.flask.plugins.module_utils._python.uv_install import point

ARGUMENTS: dict[str, dict[str, Any]] = {
    "project": {"type": "path", "required": True},
    "root": {"type": "path", "required": True},
    "requirements": {"type": "list", "elements": "str", "default": []},
    "extra_packages": {"type": "list", "elements": "str", "default": []},
    "constraints": {"type": "list", "elements": "str", "default": []},
    "overrides": {"type": "list", "elements": "str", "default": []},
    "groups": {"type": "list", "elements": "str", "default": []},
    "extras": {"type": "list", "elements": "str", "default": []},
    "install_project": {"type": "bool"},
    "link": {"type": "path"},
    "python": {"type": "str", "default": ""},
    "uv": {"type": "path", "default": "/opt/slipway/bin/uv"},
    **OPTIONS,
}


def main() -> None:
    """Build or find the environment, then point the link to it."""
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    wanted = {name: value for name, value in module.params.items() if name != "link"}
    link = Path(module.params["link"]) if module.params["link"] else None
    if module.check_mode and not Path(wanted["project"]).is_dir():
        module.exit_json(changed=True, key="", path=wanted["root"], created=True, msg="the project isn't there yet")
    wanted |= {name: Path(wanted[name]) for name in ("project", "root")}
    before = ""
    try:
        environment = environments.ensure(environments.EnvironmentSpec(**wanted), check=module.check_mode)
        moved = False
        if link:
            if link.exists() and not link.is_symlink():
                raise environments.EnvironmentError_(f"{link} exists and is no symbolic link; move it away first")
            before = os.path.realpath(link) if link.is_symlink() else ""
            moved = before != os.path.realpath(environment.path)
            if moved and not module.check_mode:
                point(link, environment.path)
    except (environments.EnvironmentError_, OSError) as error:
        module.fail_json(msg=str(error))
    result = vars(environment) | {"path": str(environment.path)}
    diff = {"before": f"{link} -> {before or 'absent'}\n", "after": f"{link} -> {environment.path}\n"} if moved else {}
    module.exit_json(changed=environment.created or moved, diff=diff, **result)


if __name__ == "__main__":
    main()
