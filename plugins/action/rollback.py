# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.rollback: says who does it, and tells what happened."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._release import stages
from ansible_collections.slipway.flask.plugins.plugin_utils._action.hooks import Hooks
from ansible_collections.slipway.flask.plugins.plugin_utils._action.release import ReleaseAction
from ansible_collections.slipway.flask.plugins.plugin_utils._report import deploy
from ansible_collections.slipway.flask.plugins.plugin_utils._source import description


class ActionModule(ReleaseAction):
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        arguments, wrong = self.parameters("rollback")
        if wrong:
            return {**result, "failed": True, "msg": "\n".join(wrong)}
        webhooks = arguments.pop("notifications", None)
        hooks = Hooks(arguments, description.base_of(task_vars), stages.names_of("rollback"))
        if hooks.problems:
            return {**result, "failed": True, "msg": "\n".join(hooks.problems)}
        answer = self.call("rollback", arguments, task_vars)
        if hooks.stop(answer):
            return {**result, **answer}
        host = str(task_vars.get("inventory_hostname"))
        if answer.get("failed"):
            text = deploy.failed(host, self.app, answer, "rollback")
            self.tell("rollback", answer, text, self.url, webhooks, host)
        elif not self._task.check_mode:
            self.tell("rollback", answer, deploy.rolled_back(host, answer), self.url, webhooks, host)
        return {**result, **answer}
