# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Decides, on the controller, whether a standby can be promoted, and prints what a person must know of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._action import switch
from ansible_collections.slipway.flask.plugins.plugin_utils._action.on_host import asker
from ansible_collections.slipway.flask.plugins.plugin_utils._action.report import error_of
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet.apps import standby_of
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet.standbys import standbys_of
from ansible_collections.slipway.flask.plugins.plugin_utils._standby import plan, report

SERVERS, DEEPER = "slipway_database_server", "slipway_database_log"
"""What the playbook registers: what each server says of itself, and what the log of one that does not run says."""


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"host", "confirm", "force", "promoted", "began"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = {**super().run(tmp, task_vars), "changed": False}
        task_vars, given = task_vars or {}, self._task.args
        hostvars, groups = task_vars["hostvars"], task_vars["groups"]
        host, confirm = str(given.get("host") or ""), str(given.get("confirm") or "")
        if host not in groups.get("db", []):
            known = ", ".join(one for one in groups.get("db", []) if standby_of(one, hostvars)) or "none"
            return failed(
                result, f"host is '{host}'; it must be a standby of the group 'db' (there is: {known}): -e host=…"
            )
        old = standby_of(host, hostvars)
        todo = plan.plan(host, old, servers(task_vars), switch.flag(given, "force"))
        result.update(
            old=old,
            ready=False,
            closes=todo.closes,
            receives=todo.receives,
            by=asker(),
            began=time.time(),
            loss=todo.loss,
        )
        others = [one for one in standbys_of(old, groups, hostvars) if one != host] if old else []
        if server := given.get("promoted"):
            began = float(given.get("began") or 0)
            self._say(report.done(todo, server, [old, *others], time.time() - began))
            return result
        if todo.is_done:
            self._say(report.done(todo, servers(task_vars)[host], [old, *others] if old else []))
            return result
        self._say(report.planned(todo, bool(confirm)))
        if not confirm:
            return failed(result, f"{host} can't be promoted: {'; '.join(todo.problems)}") if todo.problems else result
        if said := plan.refusal(todo, confirm):
            return failed(result, said)
        return {**result, "ready": True}

    def _say(self, text: str) -> None:
        Display().display(text + "\n")


def servers(task_vars: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what each server of the play has said of itself; what could not be asked has `error`."""
    found = dict[str, dict[str, Any]]()
    for host in task_vars["ansible_play_hosts_all"]:
        variables = task_vars["hostvars"][host]
        told = variables.get(SERVERS) or {"unreachable": True}
        if error := error_of(told):
            found[str(host)] = {"error": error}
        elif told.get("server"):
            deeper = (variables.get(DEEPER) or {}).get("server") or {}
            found[str(host)] = {**told["server"], "commits": deeper.get("commits")}
    return found


def failed(result: dict[str, Any], text: str) -> dict[str, Any]:
    return {**result, "failed": True, "msg": text}
