# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.maintenance: selects the apps, and prints the result."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._action import on_host
from ansible_collections.slipway.flask.plugins.plugin_utils._app import choice

# YAML reads a bare `on` as true.
STATES = {"on": True, "true": True, "off": False, "false": False}


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"apps", "app", "state"})

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
        answer = on_host.ask(self, "maintenance", arguments, task_vars)
        if not answer.get("failed"):
            for app in apps:
                before = "" if app["name"] in answer["sites"] else "already "
                Display().display(told(app["name"], host, before, closed))
        result.update(answer)
        return result


def told(app: str, host: str, before: str, closed: bool) -> str:
    """Return the line that a person reads of one app; BEFORE is empty or `already `."""
    if not closed:
        return f"{app} on {host}: {before}open"
    return f"{app} on {host}: {before}closed for maintenance, visitors get 503; -e state=off opens it"
