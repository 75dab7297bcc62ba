# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.release: sends the source if the host lacks it, and tells what happened."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.module_utils._release import stages
from ansible_collections.slipway.flask.plugins.plugin_utils._action import private
from ansible_collections.slipway.flask.plugins.plugin_utils._action.deploying import DeployAction
from ansible_collections.slipway.flask.plugins.plugin_utils._action.hooks import Hooks
from ansible_collections.slipway.flask.plugins.plugin_utils._report import deploy
from ansible_collections.slipway.flask.plugins.plugin_utils._report import plan as report_plan
from ansible_collections.slipway.flask.plugins.plugin_utils._source import description


class ActionModule(DeployAction):
    TRANSFERS_FILES = False  # a folder on the host is made when there is something to send

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        arguments, wrong = self.parameters("deploy")
        if wrong:
            return {**result, "failed": True, "msg": "\n".join(wrong)}
        answer = self._run(task_vars, arguments)
        return {**result, **self.ended(answer, str(task_vars.get("inventory_hostname")))}

    def _run(self, task_vars: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
        webhooks = arguments.pop("notifications", None)
        arguments.pop("go_on", None)
        base = description.base_of(task_vars)
        hooks = Hooks(arguments, base, stages.names_of("deploy"))
        if hooks.problems:
            return {"failed": True, "msg": "\n".join(hooks.problems)}
        problems = private.pack(arguments)
        if problems:
            return {"failed": True, "msg": "\n".join(problems)}
        try:
            answer = self.deploy(arguments, base, bool(hooks.resumed), task_vars)
        except (description.SourceError, OSError) as error:
            return {"failed": True, "msg": str(error)}
        if hooks.stop(answer):
            return answer
        if boolean(arguments.get("plan", False)):
            self._plan(answer, str(task_vars.get("inventory_hostname")))
        else:
            self._tell(answer, webhooks, str(task_vars.get("inventory_hostname")))
        return answer

    def _tell(self, answer: dict[str, Any], webhooks: Any, host: str) -> None:
        if answer.get("failed"):
            text = deploy.failed(host, self.app, answer)
        elif self._task.check_mode or not answer.get("record"):
            return
        else:
            text = deploy.deployed(host, self.url, answer)
        self.tell("deploy", answer, text, self.url, webhooks, host)

    def _plan(self, answer: dict[str, Any], host: str) -> None:
        """Display a plan; it fails when its deploy would be refused."""
        app, plan = self.app, answer.get("plan")
        if answer.get("failed"):
            answer.pop("exception", None)  # it repeats the module's message without what is added here
            answer["msg"] = deploy.failed(host, app, answer, "plan")
        elif plan:
            Display().display(report_plan.planned(host, app, plan, answer["notes"]) + "\n")
            if plan["refused"]:
                answer.update(failed=True, msg=report_plan.refused(host, app, plan))
