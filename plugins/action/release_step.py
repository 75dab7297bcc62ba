# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.release_step: what one of several hosts does at a step of their deploy or rollback."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.module_utils._release import stages
from ansible_collections.slipway.flask.plugins.plugin_utils._action import deploying, failures, fleet, private, steps
from ansible_collections.slipway.flask.plugins.plugin_utils._action.board import Board
from ansible_collections.slipway.flask.plugins.plugin_utils._action.hooks import Hooks
from ansible_collections.slipway.flask.plugins.plugin_utils._report import plan as report_plan
from ansible_collections.slipway.flask.plugins.plugin_utils._report import together as report
from ansible_collections.slipway.flask.plugins.plugin_utils._source import description

OWN = ("what", "fleet", "edges", "step", "last", "after_hook")
"""Parameters that the host is not told."""
DEPLOY, ROLLBACK = ("plan", "go_on"), ("to", "schema", "go_on")
"""Parameters that the other of the two has."""


class ActionModule(deploying.DeployAction):
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = {**super().run(tmp, task_vars), "changed": False}
        task_vars, given = task_vars or {}, self._task.args
        self.host, self.what = str(task_vars["inventory_hostname"]), str(given["what"])
        self.fleet, self.step = fleet.Fleet.of(given["fleet"]), steps.step(str(given["step"]))
        arguments, wrong = self.parameters("deploy" if self.what == "deploy" else "rollback")
        if wrong:
            return {**result, "failed": True, "msg": "\n".join(wrong)}
        for name in OWN + (ROLLBACK if self.what == "deploy" else DEPLOY):
            arguments.pop(name, None)
        self.webhooks = arguments.pop("notifications", None)
        self.is_plan = self.what == "deploy" and boolean(given.get("plan") or False)
        last = given.get("last") or {}
        if self.step.name == "prepare" and not given.get("after_hook"):
            if found := self.fleet.problems(task_vars) or self.fleet.still_used(self.app, given.get("edges") or ()):
                live = [host for host in self.fleet.hosts if host in task_vars["ansible_play_hosts"]]
                text = report.refused(self.app, self.fleet.hosts, self.what, found)
                return {**result, **self._over(text, "", self.host in live[:1])}
            self.board = Board.begin(self.what, self.app, self.host)
        elif "fleet" in last:
            self.board = Board(Path(str(last["fleet"]["board"])))
        else:  # what it had before this was refused, and told
            return {**result, "skipped": True}
        self.state = self.fleet.state(self.board.posts())
        if self.step.name == "tell":
            return {**result, **self._tell_all(), **self._again()}
        answer = self._take(arguments, task_vars, bool(given.get("after_hook")))
        return {**result, **answer, **self._again()}

    def _again(self) -> dict[str, Any]:
        """Return what the next step is told of this one."""
        return {"fleet": {"board": str(self.board.folder)}}

    # ---- one step ------------------------------------------------------------------------------------------------

    def _take(self, arguments: dict[str, Any], task_vars: dict[str, Any], after_hook: bool) -> dict[str, Any]:
        """Take the step, or give up if another host has; return what the task ends with."""
        held = self.state.held(self.host)
        if after_hook:
            due: steps.Due = "give up" if arguments.get("gave_up") else "go on"
        else:
            due = self.state.due(self.host, self.step.name)
            arguments.pop("gave_up", None)
        if after_hook and due == "go on" and held.get("name") == self.step.until:
            return {}  # the step is over; the next one begins after the hook
        if due == "nothing" or (self._task.check_mode or self.is_plan) and self.step.name != "prepare":
            self.board.post(self.step.name, self.host, {"idle": True})
            return {}
        if due == "give up" and not after_hook:
            arguments["gave_up"] = report.reason(*self.state.broken(self.step.name))
        if due == "go on" and self.step.who == "undecided":
            arguments["settle"] = self.state.decision(self.host)
        if self.step.name == "edges":
            arguments["verify_at"] = list(self.fleet.edges)
        answer = self._ask(arguments, held, task_vars)
        post = report.post(answer)
        if due == "give up":
            post |= {"gave_up": not after_hook, "held_release": str(held.get("release") or "")}
        self.board.post(self.step.name, self.host, post)
        if answer.get("failed") and not post.get("gave_up"):
            Display().display(report.failed_here(self.host, self.app, post))
        stopped = {"hook": answer["hook"]} if answer.get("hook", {}).get("files") else {}
        changed = bool(answer.get("changed")) and (self.step.name == steps.LAST or self._task.check_mode)
        return {"changed": changed, **stopped}

    def _ask(self, arguments: dict[str, Any], held: Any, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return what the host answers when it goes on from where it is HELD, as far as the step goes."""
        base = description.base_of(task_vars)
        told = {**arguments, "resume": dict(held)}
        hooks = Hooks(told, base, stages.names_of("deploy" if self.what == "deploy" else "rollback"))
        if wrong := hooks.problems:
            return {"failed": True, "msg": "\n".join(wrong)}
        mine = [point for point in hooks.points if hooks.at(point, self._runs_once(point))]
        done, until = str(held.get("name") or ""), self.step.until
        if self.step.who == "undecided" and self.state.gives_up(self.step.name):
            mine, until = [], f"before_{stages.names_of('deploy' if self.what == 'deploy' else 'rollback')[0]}"
        told["until"] = "" if told.get("gave_up") or self.is_plan else steps.until(mine, done, until)
        told["fleet"] = self.board.token
        told["hook_seconds"] = max(int(told.get("hook_seconds") or 0), int(told.get("command_seconds") or 0))
        try:
            if self.what == "deploy":
                if wrong := private.pack(told):
                    return {"failed": True, "msg": "\n".join(wrong)}
                answer = self.deploy(told, base, bool(held), task_vars)
            else:
                answer = self.call("rollback", told, task_vars)
        except AnsibleConnectionFailure as error:
            return {"failed": True, "unreachable": True, "msg": f"it could not be reached: {error}"}
        except (description.SourceError, OSError) as error:
            return {"failed": True, "msg": str(error)}
        if hook := answer.get("hook"):
            hook["files"] = hooks.at(hook["name"], self._runs_once(hook["name"])) if until == self.step.until else []
        return answer

    def _runs_once(self, point: str) -> bool:
        """Tell whether this host runs what only one host runs at a POINT."""
        return steps.runs_once(self.state, self.host, point)

    # ---- the end -------------------------------------------------------------------------------------------------

    def _tell_all(self) -> dict[str, Any]:
        """Tell how it ended, once; a failure is that of every host."""
        speaks = self.host == next((host for host in self.state.hosts if self.state.latest(host)), "")
        if self._task.check_mode:
            failed = [host for host in self.state.hosts if self.state.latest(host).get("failed")]
            return {"failed": True, "msg": self.state.latest(self.host)["msg"]} if self.host in failed else {}
        if self.is_plan:
            return self._plan()
        summary = report.summary(self.what, self.app, self.url, self.state, time.monotonic() - self.board.begun)
        if speaks:
            self.tell(self.what, summary, summary["text"], self.url, self.webhooks, summary["hosts"])
        if not summary.get("failed"):
            return {"release": self.state.latest(self.host).get("release", "")}
        return self._over(str(summary["text"]), str(summary.get("stage", "")), speaks)

    def _over(self, text: str, stage: str, speaks: bool) -> dict[str, Any]:
        """Return the result of a run that has failed, of which the host that SPEAKS tells the whole TEXT."""
        if not self.go_on:
            return {"failed": True, "msg": text if speaks else text.partition("\n")[0], "stage": stage}
        if speaks:
            Display().display(f"{text}\n", color=constants.COLOR_ERROR)
            failures.add(self.host, self.app, text)
        return {"given_up": text}

    def _plan(self) -> dict[str, Any]:
        """Display a plan; it fails when its deploy would be refused."""
        answer = dict(self.state.latest(self.host))
        if answer.get("failed"):
            return {"failed": True, "msg": report.failed_here(self.host, self.app, answer)}
        if plan := answer.get("plan"):
            Display().display(report_plan.planned(self.host, self.app, plan, answer.get("notes") or []) + "\n")
            if plan["refused"]:
                return {"failed": True, "msg": report_plan.refused(self.host, self.app, plan)}
        return {}
