# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.preview_copy: what the app's own code is run with to make the copy anonymous."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.module_utils._app import command
from ansible_collections.slipway.flask.plugins.module_utils._host.environment_file import value_text
from ansible_collections.slipway.flask.plugins.plugin_utils._action import on_host, switch
from ansible_collections.slipway.flask.plugins.plugin_utils._app import choice, description, preview, preview_key
from ansible_collections.slipway.flask.plugins.plugin_utils._service import redis
from ansible_collections.slipway.flask.plugins.plugin_utils._target import systemd as target

NOWHERE = "redis://127.0.0.1:1/0"
"""A URL that can be read and leads nowhere: the command has no network."""


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"apps", "app", "branch", "fresh", "cluster"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars, given = task_vars or {}, self._task.args
        apps, app, branch = given.get("apps") or [], str(given.get("app") or ""), str(given.get("branch") or "")
        try:
            made = preview.of(apps, app, branch)
        except choice.ChoiceError as error:
            return {**result, **error.result}
        parent = preview.parent_of(apps, app)
        if not preview.copies(parent):
            return {**result, "skipped": True, "skip_reason": "previews of the app begin with an empty database"}
        asked = {
            **question(parent, made), "fresh": switch.flag(given, "fresh"), "cluster": str(given.get("cluster") or ""),
        }  # fmt: skip
        answer = on_host.ask(self, "preview_copy", asked, task_vars)
        host = task_vars.get("inventory_hostname")
        if answer.get("failed"):
            return {**result, **answer, "msg": f"{made['name']} on {host}: {answer.get('msg')}"}
        for note in answer.get("notes", []):
            Display().display(f"{made['name']} on {host}: {note}")
        return {**result, **answer}


def question(parent: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the host is asked for the preview MADE of PARENT: its variables are those of the preview, no secret of PARENT."""
    app, own = description.normalise(parent), description.normalise(made)
    line = parent["preview"]["anonymize"]
    words = [] if line == preview_key.AS_IT_IS else command.split(line)
    variables = {name: value_text(value) for name, value in {**own["environment"], **own["secrets"]}.items()}
    if own["redis"] != "none":
        variables |= dict.fromkeys(redis.variables(own), NOWHERE)
    shared = f"{target.root(app)}/shared"
    return {
        **target.places(app), "preview": made["name"], "wsgi": app["wsgi"], "variable": app["database_variable"],
        "words": json.dumps(words), "environment": json.dumps(variables),
        "folders": [*(f"{shared}/{name}" for name in app["shared_folders"]), *app["writable_paths"]],
        "files": list(app["files"]),
    }  # fmt: skip
