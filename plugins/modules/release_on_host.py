#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.release."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_on_host
short_description: The host's half of slipway.flask.release
version_added: 0.2.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.task
description:
  - Does on the host what the action plugin of M(slipway.flask.release) asks of it.
attributes:
  check_mode:
    support: full
    description: Changes nothing then.
"""

EXAMPLES = r"""
[]
"""

RETURN = r"""
{}
"""

import json
import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._host.task import TASK, task_of
from ansible_collections.slipway.flask.plugins.module_utils._release.arguments import MIGRATIONS, RUN, answer
from ansible_collections.slipway.flask.plugins.module_utils._release.deploy import Deploy
from ansible_collections.slipway.flask.plugins.module_utils._release.plan import Plan
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Request

WORDS: dict[str, Any] = {"type": "list", "elements": "str", "default": []}

PACKAGES: dict[str, Any] = {
    "type": "dict",
    "apply_defaults": True,
    "options": {
        **dict.fromkeys(("extra_packages", "constraints", "overrides", "needed"), WORDS),
        "database": {"type": "str", "default": ""},
    },
}


def argument_spec() -> dict[str, Any]:
    """Return what it may be asked; what is at the end comes from the action plugin alone."""
    return {
        **RUN,
        "git": {"type": "str", "default": ""},
        "archive": {"type": "str", "default": ""},
        "sha256": {"type": "str", "default": ""},
        "package": {"type": "str", "default": ""},
        "version": {"type": "str", "default": "HEAD"},
        "git_key": {"type": "str", "no_log": True},
        "subfolder": {"type": "str", "default": ""},
        "python": {"type": "str", "default": ""},
        "python_downloads": {
            "type": "dict",
            "no_log": True,
            "default": {},
            "options": {
                "allowed": {"type": "bool", "default": True},
                "mirror": {"type": "str", "default": ""},
                "list_url": {"type": "str", "default": ""},
            },
        },
        "requirements": WORDS,
        "packages": PACKAGES,
        "uv": {"type": "path", "default": "/opt/slipway/bin/uv"},
        "ca_bundle": {"type": "path", "default": "/etc/ssl/certs/ca-certificates.crt"},
        "index_url": {"type": "str", "no_log": True},
        "extra_index_urls": {"type": "list", "elements": "str", "no_log": True},
        "files": {"type": "dict", "default": {}, "no_log": True},
        "shared_folders": WORDS,
        "commands": {"type": "str", "default": "{}", "no_log": True},  # JSON; see plugin_utils/_action/private.py
        "migrations": MIGRATIONS,
        "plan": {"type": "bool", "default": False},
        "expected": {"type": "str", "default": "{}", "no_log": True},  # JSON, as above
        "keep_releases": {"type": "int", "default": 5},
        "min_free_mb": {"type": "int", "default": 256},
        "source_key": {"type": "str", "default": "", "no_log": False},
        "revision": {"type": "str", "default": ""},
        "dirty": {"type": "bool", "default": False},
        "whole": {"type": "bool", "default": False},
        "upload": {"type": "path"},
        "content": {"type": "str", "no_log": True},  # not that it were secret: it is too long to be logged
        "secret_url": {"type": "str", "no_log": True},
    }


def request_of(parameters: dict[str, Any]) -> Request:
    """Return the request that PARAMETERS are, with those unpacked that the action plugin has packed."""
    packed = {**json.loads(parameters["commands"]), "expected_environment": json.loads(parameters["expected"])}
    return Request.of({**parameters, **packed})


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(argument_spec=TASK, supports_check_mode=True)
    request = request_of(task_of(module, argument_spec()))
    job = Plan(request) if request.plan else Deploy(request, check=module.check_mode)
    run = job.plan if isinstance(job, Plan) else job.deploy
    answer(module, job, run, need_archive=lambda done: done.need_archive, plan=lambda done: done.plan)


if __name__ == "__main__":
    main()
