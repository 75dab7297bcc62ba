# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.maintenance: selects the apps, and prints the result.

Several hosts that have an app are switched together or not at all. A first task looks whether each of them can be; when one
fails all the same, because it is gone by then, a last task takes it back on the others.
"""

from __future__ import annotations

from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._action import fleets, on_host
from ansible_collections.slipway.flask.plugins.plugin_utils._action.report import error_of
from ansible_collections.slipway.flask.plugins.plugin_utils._app import choice

# YAML reads a bare `on` as true.
STATES = {"on": True, "true": True, "off": False, "false": False}


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"apps", "app", "state", "look", "undo"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        host = str(task_vars.get("inventory_hostname"))
        said = self._task.args.get("state", "")
        closed = STATES.get(str(said).lower())
        if closed is None:
            return {**result, "failed": True, "msg": f"state is '{said}'; use -e state=on or -e state=off"}
        try:
            apps = choice.meant(self._task.args, task_vars)
        except choice.ChoiceError as error:
            return {**result, **error.result}
        arguments = {"sites": [app["name"] for app in apps], "closed": closed, "by": on_host.asker()}
        if variable := str(self._task.args.get("undo") or ""):
            return {**result, **self._undo(variable, arguments, task_vars)}
        if boolean(self._task.args.get("look") or False):
            if not any(fleets.other_hosts(app["name"], host, task_vars) for app in apps):
                return {**result, "skipped": True, "skip_reason": "no other host has the app"}
            answer = on_host.ask(self, "maintenance", {**arguments, "look": True}, task_vars)
            return {**result, **answer, "changed": False}
        answer = on_host.ask(self, "maintenance", arguments, task_vars)
        if not answer.get("failed"):
            for app in apps:
                before = "" if app["name"] in answer["sites"] else "already "
                Display().display(told(app["name"], host, before, closed))
        result.update(answer)
        return result

    def _undo(self, variable: str, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Switch back what was, of apps that another host has too and that failed there; tell of it where it failed."""
        host, results = str(task_vars.get("inventory_hostname")), {}
        for one in task_vars["ansible_play_hosts_all"]:
            results[str(one)] = task_vars["hostvars"][one].get(variable) or {}
        if own := error_of(results.get(host, {})):
            others = sorted({one for app in arguments["sites"] for one in fleets.other_hosts(app, host, task_vars)})
            told = f"; the sites on {', '.join(others)} were left or brought back as they were" if others else ""
            return {"failed": True, "msg": f"{host}: {own}{told}"}
        back = {
            app: lost
            for app in results.get(host, {}).get("sites", [])
            if (lost := [one for one in fleets.other_hosts(app, host, task_vars) if error_of(results[one])])
        }
        if not back:
            return {"changed": False}
        answer = on_host.ask(
            self, "maintenance", {**arguments, "sites": list(back), "closed": not arguments["closed"]}, task_vars
        )
        if not answer.get("failed"):
            for app, lost in back.items():
                state = "open" if arguments["closed"] else "closed for maintenance"
                Display().display(f"{app} on {host}: {state} again, because {', '.join(lost)} could not be switched")
        return {**answer, "changed": False}


def told(app: str, host: str, before: str, closed: bool) -> str:
    """Return the line that a person reads of one app; BEFORE is empty or `already `."""
    if not closed:
        return f"{app} on {host}: {before}open"
    return f"{app} on {host}: {before}closed for maintenance, visitors get 503; -e state=off opens it"
