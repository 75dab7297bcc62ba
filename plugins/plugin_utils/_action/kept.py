# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How an action plugin asks a half on the host that is large: with the code that the host has, if it has it.

The other end is in module_utils/_host/code.py, with what it is good for.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase
from ansible_collections.slipway.flask.plugins.module_utils._host.task import HALF
from ansible_collections.slipway.flask.plugins.plugin_utils._action import on_host, packed
from ansible_collections.slipway.flask.plugins.plugin_utils._preflight.look import KEPT

NAME = "kept_half"
MODULE = f"slipway.flask.{NAME}"


def ask(action: ActionBase, name: str, asked: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
    """Return what `on_host.ask` does: the code is sent only if the host has not kept it."""
    if imports_by_itself(action):
        return on_host.ask(action, name, asked, task_vars)
    asked = {**asked, HALF: {"name": name, "key": key()}}
    if lacks(name, task_vars):
        return on_host.ask(action, name, asked, task_vars)
    answer = on_host.call(action, MODULE, asked, task_vars)
    return on_host.ask(action, name, asked, task_vars) if answer.get("lacks_code") else answer


def lacks(name: str, task_vars: Mapping[str, Any]) -> bool:
    """Tell whether preflight has seen that the host has no code of NAME, and this run has not sent it since: a trip less."""
    there = task_vars.get("ansible_facts", {}).get(KEPT)
    if there is None or is_there(name, there):
        return False
    host = hashlib.sha256(str(task_vars.get("inventory_hostname")).encode()).hexdigest()[:16]
    mark = Path(constants.DEFAULT_LOCAL_TMP) / "slipway" / f"sent-{name}-{host}"
    mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def is_there(name: str, files: Iterable[str]) -> bool:
    """Tell whether the code of NAME is among the FILES that a host keeps."""
    return any(str(file).startswith(f"{name}-{key()}.") for file in files)


def imports_by_itself(action: ActionBase) -> bool:
    """Tell whether the connection sends a module only what it imports, and keeps that: Mitogen's does."""
    return type(action._connection).__module__.startswith("ansible_mitogen.")


@cache
def key() -> str:
    """Return the name of the code that a half can consist of."""
    return packed.code("modules/*_on_host.py")[:20]
