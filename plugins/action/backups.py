# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.backups: prints what can be restored."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._action import on_host
from ansible_collections.slipway.flask.plugins.plugin_utils._backup import report


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"app", "limit"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        limit = str(self._task.args.get("limit", 20))
        if not limit.isdigit() or int(limit) < 1:
            msg = f"limit is {limit}; it must be 1 or more (the number of restore points to show)"
            return {**result, "failed": True, "msg": msg}
        answer = on_host.ask(self, "backups", {"app": str(self._task.args.get("app") or "")}, task_vars)
        if not answer.get("failed"):
            Display().display(
                report.overview(str(task_vars.get("inventory_hostname")), answer["backups"], int(limit)) + "\n"
            )
        result.update(answer)
        return result
