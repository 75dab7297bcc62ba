# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.nginx_sites: files as slipway.flask.files has them, and certificates before them."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.flask.plugins.action import files
from ansible_collections.slipway.flask.plugins.module_utils._certificates import present
from ansible_collections.slipway.flask.plugins.plugin_utils._action import on_host

NAME = "nginx_sites"


class ActionModule(files.ActionModule):
    _VALID_ARGS = files.ARGUMENTS | frozenset(present.ARGUMENTS)

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = ActionBase.run(self, tmp, task_vars)
        certificates = {name: value for name, value in self._task.args.items() if name in present.ARGUMENTS}
        asked = {**self.asked(task_vars or {}), **certificates}
        return {**result, **on_host.ask(self, NAME, asked, task_vars or {})}
