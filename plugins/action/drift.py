# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.drift: which apps are meant."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.flask.plugins.plugin_utils._action import on_host
from ansible_collections.slipway.flask.plugins.plugin_utils._app import choice, hosts
from ansible_collections.slipway.flask.plugins.plugin_utils._target import systemd as target


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"apps", "app"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        host = str(task_vars.get("inventory_hostname"))
        if not hosts.runs_apps(host, task_vars.get("groups") or {}):
            return {**result, "skipped": True, "skip_reason": f"{host} runs no apps"}
        try:
            apps = choice.meant(self._task.args, task_vars)
        except choice.ChoiceError as error:
            return {**result, **error.result}
        result.update(on_host.ask(self, "drift", {"apps": [target.described(app) for app in apps]}, task_vars))
        return result
