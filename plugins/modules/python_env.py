#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Ansible module: one virtual environment, named by what is in it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: python_env
short_description: Build a virtual environment whose name is a hash of its contents
version_added: 0.1.0
description:
  - Creates C(<root>/<key>) with uv. The key is a hash of all files that determine what is installed, of the interpreter
    and of the options below, so the same key means the same environment, which is built only once.
  - An environment is built under a temporary name and moved into place when it is complete and on disk. A build that
    fails or is killed leaves no environment; simultaneous builds wait for each other.
  - Reads, in this order, C(uv.lock), C(poetry.lock), C(pdm.lock), C(requirements.txt), C(requirements/production.txt),
    C(requirements/prod.txt), C(pyproject.toml), C(setup.py), C(setup.cfg); the first that exists is used.
  - If a requirements file contains a hash, hashes are required for all packages.
extends_documentation_fragment:
  - slipway.flask.interpreters
options:
  project:
    description: Folder on the host with the application's Python files.
    type: path
    required: true
  root:
    description: Folder for the environments.
    type: path
    required: true
  requirements:
    description: Files in O(project) to read instead of the detected file.
    type: list
    elements: str
    default: []
  extra_packages:
    description:
      - Additional requirements installed with the project's own. If there is a lock file or a list with hashes, they
        are added afterwards and can't change locked packages.
    type: list
    elements: str
    default: []
  constraints:
    description: Version constraints, which also apply to transitive dependencies. A lock file must meet them.
    type: list
    elements: str
    default: []
  overrides:
    description: Requirements that override those of the project, its lock file or any package.
    type: list
    elements: str
    default: []
  groups:
    description: Dependency groups to install as well (not for requirements files).
    type: list
    elements: str
    default: []
  extras:
    description: Optional dependencies (extras) to install as well (not for requirements files).
    type: list
    elements: str
    default: []
  install_project:
    description:
      - Also install the project itself as a package. By default, only if its packages are in C(src/), because an
        application is run from its source folder.
    type: bool
  link:
    description: Symbolic link to the environment; it is replaced atomically.
    type: path
  python:
    description:
      - A version such as C(3.12), C(python3) for the distribution's own, or an absolute path.
      - Empty means the version that the project asks for (C(.python-version), C(runtime.txt), C(Pipfile),
        C(.tool-versions), C(requires-python)), otherwise the distribution's.
      - The distribution's interpreter is used if it matches; otherwise uv downloads one.
    type: str
    default: ""
  uv:
    description: Path of uv.
    type: path
    default: /opt/slipway/bin/uv
  extra_index_urls:
    description: Additional package indexes, asked before O(index_url). May contain users and passwords.
attributes:
  check_mode:
    description: Shows whether something would be built; a project that doesn't exist yet would be.
    support: full
  diff_mode:
    description: Shows the target of the link before and after.
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
  description: Name of the environment in O(root); empty if it can't be known in check mode.
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
  description: Duration of the build, in seconds.
  returned: success
  type: float
python_version:
  description: Full version of the environment's Python.
  returned: success
  type: str
source:
  description: File from which the dependencies were read.
  returned: success
  type: str
ignored:
  description: Other files that could have been read.
  returned: success
  type: list
  elements: str
added:
  description: Lines of O(extra_packages) that were added to a lock file or a list with hashes.
  returned: success
  type: list
  elements: str
overridden:
  description: What O(overrides) replaced, and which packages require another version.
  returned: success
  type: list
  elements: str
packages:
  description: Names and versions of all packages in the environment.
  returned: success
  type: dict
notes:
  description: Notes about the build, such as why its Python is not the distribution's.
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
                raise environments.EnvironmentError_(f"{link} exists and is not a symbolic link; move it away first")
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
