# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Fails when a release of this run has failed, and says which."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.flask.plugins.plugin_utils._action import failures as action_failures
from ansible_collections.slipway.flask.plugins.plugin_utils._report import deploy


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"apps"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        host = str((task_vars or {}).get("inventory_hostname"))
        failures = action_failures.of(host)
        result["changed"] = False
        if failures:
            text = deploy.failures(host, failures, int(self._task.args["apps"]))
            result.update(failed=True, msg=text, failures=list(failures))
        return result
