# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.rollback: says who does it, and tells what happened."""

from __future__ import annotations

import getpass
import socket
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.module_utils import _summary


class ActionModule(ActionBase):
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        arguments = {"by": f"{getpass.getuser()}@{socket.gethostname()}", **self._task.args}
        answer = self._execute_module("slipway.flask.rollback", arguments, task_vars=task_vars)
        answer.pop("invocation", None)
        host = str(task_vars.get("inventory_hostname"))
        if answer.get("failed"):
            answer.pop("exception", None)  # it repeats the module's message without what is added here
            answer["msg"] = _summary.failed(host, str(arguments.get("app")), answer, "rollback")
        elif answer.get("record") and not self._task.check_mode:
            Display().display(_summary.rolled_back(host, answer))
        result.update(answer)
        return result
