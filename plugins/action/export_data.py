# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.export_data: fetches an app's data and tells how far it is."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.flask.plugins.plugin_utils._action import export, on_host
from ansible_collections.slipway.flask.plugins.plugin_utils._app import choice
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import apps as fleet
from ansible_collections.slipway.flask.plugins.plugin_utils._service import postgres
from ansible_collections.slipway.flask.plugins.plugin_utils._target import folders


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"apps", "app", "to", "at"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars, given = task_vars or {}, self._task.args
        host = str(task_vars.get("inventory_hostname"))
        try:
            app = choice.choose_one(given.get("apps"), str(given.get("app") or ""), choice.everywhere(task_vars))
        except choice.ChoiceError as error:
            return {**result, **error.result}
        at, wanted = str(given.get("at") or ""), choice.first_host(app["name"], host, task_vars) if app else ""
        if app and at and (other := fleet.database_host_of(app, task_vars.get("groups") or {}, task_vars["hostvars"])):
            if other not in task_vars["ansible_play_hosts_all"]:
                said = f"{app['name']}: its database, and the backups of it, are on {other}: run this without --limit"
                return {**result, "failed": True, "msg": said}
            wanted = other
        if app is None or host != wanted:
            return {**result, "skipped": True, "skip_reason": "an export is made on one host only"}
        app = choice.here(app, task_vars)
        url = postgres.direct_url(app) or postgres.url(app)
        asked = export.asked(app["name"], "" if at else url, {} if at else folders.of(app))
        asked |= {"at": at} if at else {}
        if self._task.check_mode:
            answer = on_host.ask(self, "export_data", asked, task_vars)
            return {**result, **answer}
        head = f"{app['name']} on {host}"
        return {**result, **export.fetch(self, head, str(given.get("to") or "exports"), asked, task_vars)}
