# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How an action plugin asks its half on the host; the other end is in module_utils/_host/task.py.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import getpass
import json
import socket
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.flask.plugins.module_utils._host.task import SUFFIX
from ansible_collections.slipway.flask.plugins.plugin_utils._action import packed


def asker() -> str:
    """Return who asks, as the host keeps and tells it."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def ask(action: ActionBase, name: str, asked: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
    """Return what the host's half of the action NAME answers when it is ASKED; its parameters are not in it."""
    return call(action, f"slipway.flask.{half(name)}", asked, task_vars)


def half(name: str) -> str:
    """Return the module's name that is the host's half of the action NAME."""
    return f"{name}{SUFFIX}"


def call(action: ActionBase, module: str, asked: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
    """Return what MODULE answers when it is ASKED; its parameters are not in it."""
    # A date, which YAML makes of 2026-11-26, is its text, as for any other module.
    task = json.dumps(asked, default=str)
    packed.bring()
    answer: dict[str, Any] = action._execute_module(module, {"task": task}, task_vars=task_vars)
    packed.keep()
    answer.pop("invocation", None)
    return answer
