# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.upgrade_database: what is asked, and what a person reads of it."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._action import on_host, switch
from ansible_collections.slipway.flask.plugins.plugin_utils._app import choice
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import access
from ansible_collections.slipway.flask.plugins.plugin_utils._report import upgrade
from ansible_collections.slipway.flask.plugins.plugin_utils._target import systemd as target


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"apps", "cluster", "confirmed", "back", "forget"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars, given = task_vars or {}, self._task.args
        host = str(task_vars.get("inventory_hostname"))
        yes, back, forget = (
            switch.flag(given, "confirmed", "yes"),
            switch.flag(given, "back"),
            switch.flag(given, "forget"),
        )
        if back and forget:
            return {**result, "failed": True, "msg": "pass either -e back=true or -e forget=true, not both"}
        try:
            apps = choice.meant({"apps": given.get("apps")}, task_vars)
        except choice.ChoiceError as error:
            return {**result, **error.result}
        if using := access.sharing(apps, host, task_vars):
            return {**result, "failed": True, "msg": upgrade.shared(host, using)}
        if apps and all(app.get("database_host") for app in apps):
            return {**result, "skipped": True, "skip_reason": "the databases are on other hosts"}
        arguments = {
            "apps": [target.described(app) for app in apps if app["database"] == "local"],
            "cluster": given.get("cluster") or "",
            "what": "forget" if forget else "look" if not yes else "back" if back else "upgrade",
            "by": on_host.asker(),
        }
        answer = on_host.ask(self, "upgrade_database", arguments, task_vars)
        result.update(answer)
        if answer.get("failed"):
            return result
        Display().display(upgrade.report(host, answer, back) + "\n")
        if problems := (answer["plan"] or {}).get("problems"):
            result.update(failed=True, msg=upgrade.refusal(host, problems))
        return result
