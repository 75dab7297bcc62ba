# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.release_live: one question for all apps, and what is told of those that are live."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._release import stages
from ansible_collections.slipway.flask.plugins.plugin_utils._action import deploying, kept, on_host, private
from ansible_collections.slipway.flask.plugins.plugin_utils._action.hooks import Hooks
from ansible_collections.slipway.flask.plugins.plugin_utils._report import deploy
from ansible_collections.slipway.flask.plugins.plugin_utils._source import description
from ansible_collections.slipway.flask.plugins.plugin_utils._target import release as described


class ActionModule(deploying.DeployAction):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"descriptions", "common"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = {**super().run(tmp, task_vars), "changed": False}
        task_vars, common = task_vars or {}, self._task.args.get("common") or {}
        host, live = str(task_vars.get("inventory_hostname")), []
        every = [{**common, **one} for one in self._task.args.get("descriptions") or []]
        asked = {str(one["name"]): told for one in every if (told := self._asked(one, task_vars))}
        if not asked:
            return {**result, "live": []}
        question = {"apps": [{"by": on_host.asker(), **one} for one in asked.values()]}
        answer = kept.ask(self, deploying.NAME, question, task_vars)
        for one, found in zip(asked, answer.get("apps") or [], strict=False):
            if found:
                live.append(one)
                self.description = described.complete(next(whole for whole in every if whole["name"] == one))
                self._tell(found, host)
        return {**result, "live": live}

    def _asked(self, one: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any] | None:
        """Return what the host is asked of the app that ONE describes; None if that is wrong, which its deploy will say."""
        if described.problems(one):
            return None
        arguments, base = described.complete(one), description.base_of(task_vars)
        arguments.pop("notifications", None)
        if Hooks(arguments, base, stages.names_of("deploy")).problems or private.pack(arguments):
            return None
        try:
            return self.source(arguments, base, task_vars).arguments
        except (description.SourceError, OSError):
            return None

    def _tell(self, found: dict[str, Any], host: str) -> None:
        """Display what a deploy displays that has nothing to do."""
        if not self._task.check_mode and found.get("record"):
            self.tell("deploy", found, deploy.deployed(host, self.url, found), self.url, None, host)
