# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.queries: which databases are meant, and what a person reads of them."""

from __future__ import annotations

import shutil
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._action import on_host
from ansible_collections.slipway.flask.plugins.plugin_utils._app import choice
from ansible_collections.slipway.flask.plugins.plugin_utils._report import queries, queries_mysql
from ansible_collections.slipway.flask.plugins.plugin_utils._service import postgres

WIDTH = 120
"""Characters of a line where no terminal says how wide it is."""


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"apps", "app", "limit", "reset"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        host = str(task_vars.get("inventory_hostname"))
        try:
            apps = choice.meant(self._task.args, task_vars)
        except choice.ChoiceError as error:
            return {**result, **error.result}
        arguments = {
            "apps": [{"app": app["name"], "database": app["database"]} for app in apps],
            "urls": {app["name"]: postgres.url(app) for app in apps if app["database"] == "url"},
            "limit": self._task.args.get("limit", 5),
            "reset": boolean(self._task.args.get("reset") or False),
        }
        answer = on_host.ask(self, "queries", arguments, task_vars)
        width = shutil.get_terminal_size((WIDTH, 24)).columns
        for found in answer.get("apps", []):
            of = queries_mysql if found.get("server") == "mysql" else queries
            Display().display(of.report(host, found, width) + "\n")
        result.update(answer)
        return result
