# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.alerts: which ways there are, by names that hold no secret."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.flask.plugins.plugin_utils._action import on_host, switch
from ansible_collections.slipway.flask.plugins.plugin_utils._alerts import alertmanager, description


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"settings", "test"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars, settings = task_vars or {}, self._task.args.get("settings") or {}
        test = switch.flag(self._task.args, "test")
        wrong = description.problems(settings)
        if wrong or not settings:
            said = "\n".join(wrong) or "slipway_alerts is not set, so nobody is notified: see docs/alerts.md"
            return {**result, "failed": True, "msg": said}
        asked = {
            "host": str(task_vars.get("inventory_hostname")),
            "by": on_host.asker(),
            "test": test,
            "ways": alertmanager.named(settings),
        }
        result.update(on_host.ask(self, "alerts", asked, task_vars))
        return result
