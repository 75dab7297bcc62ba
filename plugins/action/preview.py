# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.preview: what the host is told of a preview, and what a person is told of it."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._action import on_host, switch
from ansible_collections.slipway.flask.plugins.plugin_utils._action import preview as files
from ansible_collections.slipway.flask.plugins.plugin_utils._app import choice, nested, preview
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import database


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"apps", "app", "branch", "remove", "fresh"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars, given = task_vars or {}, self._task.args
        apps, app, branch = given.get("apps") or [], str(given.get("app") or ""), str(given.get("branch") or "")
        host = str(task_vars.get("inventory_hostname"))
        try:
            made = preview.of(apps, app, branch)
        except choice.ChoiceError as error:
            return {**result, **error.result}
        parent = preview.parent_of(apps, app)
        if switch.flag(given, "fresh") and not preview.copies(parent):
            told = f"fresh=true copies the database of {parent['name']} anew, but `database` in its `preview` is not `copy`"
            return {**result, "failed": True, "msg": told}
        elsewhere = database.remote_host_of(
            parent, host, task_vars.get("groups") or {}, task_vars.get("hostvars") or {}
        )
        if elsewhere and preview.copies(parent):
            told = (
                f"{parent['name']}'s database is on {elsewhere}, and a preview on {host} can only copy one that is on {host}; set "
                "`database: empty` in its `preview`"
            )
            return {**result, "failed": True, "msg": told}
        wanted = {name: parent["preview"].get(name, nested.PREVIEW[name].default) for name in ("days", "most")}
        url = f"https://{made['domains'][0]}/"
        remove = switch.flag(given, "remove")
        asked = {
            "name": made["name"], "of": parent["name"], "branch": branch, "url": url, **wanted,
            "description": preview.kept(made), "remove": remove, "by": on_host.asker(),
        }  # fmt: skip
        answer = on_host.ask(self, "preview", asked, task_vars)
        if answer.get("failed"):
            return {**result, **answer, "msg": f"{made['name']} on {host}: {answer.get('msg')}"}
        if answer.get("changed") and not self._task.check_mode:
            done = "was removed" if remove else f"is the preview of {branch}; the host removes it at {answer['until']}"
            Display().display(f"{made['name']} on {host} {done}" + ("" if remove else f"\n  URL  {url}"))
        return {
            **result,
            **answer,
            "files": [] if remove else files.files(),
            "units": [{"name": f"{files.NAME}.timer", "on_change": "restart"}],
        }
