# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.backup: shows how far it is, and what came of it."""

from __future__ import annotations

import secrets
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._action import on_host, switch
from ansible_collections.slipway.flask.plugins.plugin_utils._action.progress import Watch
from ansible_collections.slipway.flask.plugins.plugin_utils._backup import report


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"full"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        host, token = str(task_vars.get("inventory_hostname")), secrets.token_hex(8)
        asked = {"full": switch.flag(self._task.args, "full"), "token": token}
        with Watch(self._connection, host, "backup", token):
            answer = on_host.ask(self, "backup", asked, task_vars)
        if answer.get("outcome"):
            Display().display(report.run(host, answer["outcome"]))
        result.update(answer)
        return result
