# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What an action plugin asks its half on the host, as that half reads it.

An action plugin takes what its documentation says and finishes it here on the controller; its half on the host takes the
result. So each half has a name of its own (`release`, `release_on_host`), and all of them take one option: `task`.

It is one text, and marked as secret, because Ansible writes a module's parameters into the host's journal, all but those
that are marked; a marked mapping would also blot every word of it out of the module's answer.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.errors import UnsupportedError

TASK: dict[str, Any] = {"task": {"type": "str", "required": True, "no_log": True}}
"""The argument spec of every half on the host; its documentation is the fragment slipway.flask.task."""

SUFFIX = "_on_host"
HALF = "_half"
"""Under which name a task says of which half it is, and the key of its code (code.py)."""


def begin(spec: Mapping[str, Any], keep: Callable[[str], None] | None = None) -> tuple[AnsibleModule, dict[str, Any]]:
    """Return the module that a half is, which supports check mode, and what it is asked according to SPEC (`task_of`).

    KEEP is code.keep in a half whose action asks for kept code first (plugin_utils/_action/kept.py).
    """
    module = opened(keep)
    return module, task_of(module, spec)


def opened(keep: Callable[[str], None] | None = None) -> AnsibleModule:
    """Return the module that a half is, as `begin` does, for a half that reads its task by itself."""
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(argument_spec=TASK, supports_check_mode=True)
    if keep and not module.check_mode:
        keep(module.params["task"])
    return module


def task_of(module: AnsibleModule, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return what MODULE is asked, with the defaults of SPEC, which is an argument spec.

    Fails as Ansible does where it is against SPEC. What SPEC marks as secret (`no_log`) is hidden in the module's answer.
    """
    return checked_by(module, spec, json.loads(module.params["task"]))


def checked_by(module: AnsibleModule, spec: Mapping[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return what `task_of` does for what is GIVEN in place of the whole task."""
    half = given.pop(HALF, {})
    checked = ArgumentSpecValidator(spec).validate(given)
    module.no_log_values.update(checked._no_log_values)
    if checked.error_messages:
        message: str = checked.errors.msg
        if isinstance(checked.errors[0], UnsupportedError):
            name = half.get("name") or str(module._name).removesuffix(SUFFIX)
            message = f"Unsupported parameters for ({name}) module: {message}"
        module.fail_json(msg=message)
    asked: dict[str, Any] = checked.validated_parameters
    return asked
