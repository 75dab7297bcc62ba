# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.restore: tells what will be lost, asks, and tells what happened."""

from __future__ import annotations

from typing import Any

from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._action import asking, switch
from ansible_collections.slipway.flask.plugins.plugin_utils._action.release import ReleaseAction
from ansible_collections.slipway.flask.plugins.plugin_utils._report import restore as report


class ActionModule(ReleaseAction):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"description", "to", "before", "schema", "confirmed", "forget"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        arguments, wrong = self.parameters("rollback")
        if wrong:
            return {**result, "failed": True, "msg": "\n".join(wrong)}
        if arguments.get("schema") not in (None, "refuse", "keep"):
            return {
                **result,
                "failed": True,
                "msg": f"restore_schema is '{arguments['schema']}'; it must be refuse or keep",
            }
        host, webhooks = str(task_vars.get("inventory_hostname")), arguments.pop("notifications", None)
        arguments.pop("hooks", None)
        yes = switch.flag({"confirmed": arguments.pop("confirmed", False)}, "confirmed", "yes")
        if arguments.get("forget"):
            answer = self.call("restore", arguments, task_vars)
            if not answer.get("failed"):
                Display().display(report.forgotten(host, self.app, answer["forgotten"]))
            return {**result, **answer}
        answer = self.call("restore", {**arguments, "ask": True}, task_vars)
        if answer.get("failed"):
            answer["msg"] = report.failed(host, self.app, answer)
            return {**result, **answer}
        Display().display(report.question(host, answer["question"]))
        if self._task.check_mode:
            return {**result, **answer, "changed": True}
        if refusal := "" if yes else self._asked():
            return {**result, "failed": True, "msg": refusal, "question": answer["question"]}
        if answer["question"]["resolved"] != "latest":  # a time without an offset, for example, is meant as it was told
            arguments |= {"to": answer["question"]["resolved"], "before": ""}
        answer = self.call("restore", arguments, task_vars)
        text = report.failed(host, self.app, answer) if answer.get("failed") else report.done(host, answer)
        self.tell("restore", answer, text, self.url, webhooks, host)
        return {**result, **answer}

    def _asked(self) -> str:
        """Ask whether to go on; return why not, "" to go on."""
        said = asking.ask(f"Restore {self.app}, and lose what is listed above? Type yes and press Enter:")
        if said is None:
            return report.refused_without_terminal(self.app)
        return "" if said.lower() in ("yes", "y") else "Nothing was changed: the answer was not yes"
