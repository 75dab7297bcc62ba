# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.release_info: which apps are meant, and the table of their history."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._action import kept, switch
from ansible_collections.slipway.flask.plugins.plugin_utils._action.fleets import other_hosts
from ansible_collections.slipway.flask.plugins.plugin_utils._app import choice, hosts
from ansible_collections.slipway.flask.plugins.plugin_utils._report import tables
from ansible_collections.slipway.flask.plugins.plugin_utils._service import postgres
from ansible_collections.slipway.flask.plugins.plugin_utils._target import systemd as target


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"apps", "app", "limit", "status", "deep", "audit_url"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        host = str(task_vars.get("inventory_hostname"))
        try:
            apps = choice.meant(self._task.args, task_vars)
        except choice.ChoiceError as error:
            return {**result, **error.result}
        status = boolean(self._task.args.get("status") or False)
        serves = hosts.serves(host, task_vars.get("groups") or {})
        told = [{**target.described(app), "domain": app["domains"][0] if serves else ""} for app in apps]
        arguments = {"apps": told, "limit": self._task.args.get("limit", 20)}
        if status:
            arguments["known"] = [app["name"] for app in self._task.args["apps"]]
            arguments |= {"deep": switch.flag(self._task.args, "deep")}
            arguments["audits"] = target.audits(apps, self._task.args.get("audit_url"))
            arguments |= {"status": True, "urls": {app["name"]: postgres.url(app) for app in apps}}
        answer = kept.ask(self, "release_info", arguments, task_vars)
        if not status and not answer.get("failed"):
            for found in answer.get("apps", []):
                if other_hosts(found["app"], host, task_vars):
                    answer["several"] = True  # slipway.flask.release_report shows them together
                else:
                    Display().display(tables.history(host, found) + "\n")
        result.update(answer)
        return result
