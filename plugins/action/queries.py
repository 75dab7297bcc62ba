# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.queries: which databases are meant, and what a person reads of them."""

from __future__ import annotations

import shutil
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._action import on_host, switch
from ansible_collections.slipway.flask.plugins.plugin_utils._app import choice
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import access
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
        here, left = access.asked_here(apps, host, task_vars)
        for app in left:
            where = f"its database is on {app['database_host']}: run this without --limit"
            Display().display(f"{app['name']} on {host}: {where}\n")
        if not here:
            return {**result, "skipped": True, "skip_reason": "the databases are on other hosts"}
        arguments = {
            "apps": [{"app": app["name"], "database": app["database"]} for app in here],
            "urls": {app["name"]: postgres.url(app) for app in here if app["database"] == "url"},
            "limit": self._task.args.get("limit", 5),
            "reset": switch.flag(self._task.args, "reset"),
        }
        answer = on_host.ask(self, "queries", arguments, task_vars)
        width = shutil.get_terminal_size((WIDTH, 24)).columns
        for found in answer.get("apps", []):
            of = queries_mysql if found.get("server") == "mysql" else queries
            Display().display(of.report(host, found, width) + "\n")
        result.update(answer)
        return result
