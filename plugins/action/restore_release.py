# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.restore_release: one app after the other, and how the host came back."""

from __future__ import annotations

from typing import Any

from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._action import private
from ansible_collections.slipway.flask.plugins.plugin_utils._action.release import ReleaseAction
from ansible_collections.slipway.flask.plugins.plugin_utils._report import deploy
from ansible_collections.slipway.flask.plugins.plugin_utils._report import restore as report
from ansible_collections.slipway.flask.plugins.plugin_utils._target import release as described

SOURCE = ("path", "everything", "archive", "sha256", "hooks", "notifications", "promotion")
"""What nobody asks for here: the code is on the host."""


class ActionModule(ReleaseAction):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"descriptions"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        if self._task.check_mode:
            return {**result, "skipped": True}
        host = str(task_vars.get("inventory_hostname"))
        served: dict[str, str] = {}
        failed: list[str] = []
        for one in self._task.args.get("descriptions") or []:
            if wrong := described.problems(one):
                return {**result, "failed": True, "msg": "\n".join(wrong)}
            self.description = described.complete(one, "deploy")
            arguments = {key: value for key, value in self.description.items() if key not in SOURCE}
            if wrong := private.pack(arguments):
                return {**result, "failed": True, "msg": "\n".join(wrong)}
            answer = self.call("restore_release", arguments, task_vars)
            if answer.get("failed"):
                failed.append(f"{self.app} on {host}: the last live release could not be restored. {answer.get('msg')}")
                Display().display(deploy.printable(failed[-1]))
                continue
            served[self.app] = str(answer.get("release"))
            Display().display(report.came_back(host, self.url, answer))
        if failed:
            return {**result, "failed": True, "msg": report.not_back(host, failed)}
        over = self._execute_module("slipway.flask.restore_host", {"part": "end"}, task_vars=task_vars)
        if over.get("failed"):
            return {**result, **over}
        Display().display(report.host_back(host, over["report"]))
        return {**result, "changed": True, "releases": served, "report": over["report"]}
