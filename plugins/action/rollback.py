# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.rollback: says who does it, and tells what happened."""

from __future__ import annotations

from typing import Any

from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.module_utils import _summary
from ansible_collections.slipway.flask.plugins.plugin_utils._release_action import ReleaseAction


class ActionModule(ReleaseAction):
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        answer = self.call("slipway.flask.rollback", dict(self._task.args), task_vars)
        host = str(task_vars.get("inventory_hostname"))
        if answer.get("failed"):
            answer.pop("exception", None)  # it repeats the module's message without what is added here
            answer["msg"] = _summary.failed(host, str(self._task.args.get("app")), answer, "rollback")
        elif answer.get("record") and not self._task.check_mode:
            Display().display(_summary.rolled_back(host, answer))
        result.update(answer)
        return result
