# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.edge_hosts: what is asked of an edge, and what a person reads of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._action import on_host, switch
from ansible_collections.slipway.flask.plugins.plugin_utils._report import edges

WAIT_SECONDS, MOST_SECONDS = 60, 3600


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"out", "back", "backends", "releases", "authorities", "wait", "force", "look"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars, arguments = task_vars or {}, self._task.args
        edge = str(task_vars.get("inventory_hostname"))
        out, back = str(arguments.get("out") or ""), str(arguments.get("back") or "")
        wait, look = str(arguments.get("wait") or WAIT_SECONDS), boolean(arguments.get("look", False))
        if out and back:
            return {**result, "failed": True, "msg": "give either -e out=HOST or -e in=HOST, one host at a time"}
        if not wait.isdigit() or int(wait) > MOST_SECONDS:
            return {
                **result,
                "failed": True,
                "msg": f"wait is '{wait}'; it must be a number of seconds, 0 to {MOST_SECONDS}",
            }
        backends, force = arguments.get("backends") or [], switch.flag(arguments, "force")
        found = releases(backends, str(arguments.get("releases") or ""), task_vars.get("hostvars", {}))
        if back and not force and (behind := edges.behind(back, backends, found)):
            return {**result, "failed": True, "msg": edges.refused(edge, "in", back, behind)}
        asked = {
            "do": "out" if out else "in" if back else "status",
            "host": out or back,
            "by": on_host.asker(),
            "wait_seconds": int(wait),
            "force": force,
            "look": look,
            "backends": backends,
            "authorities": str(arguments.get("authorities") or "/etc/slipway/identity/fleet.pem"),
        }
        answer = on_host.ask(self, "edge_hosts", asked, task_vars)
        if answer.get("failed") and "problems" in answer:
            answer["msg"] = edges.refused(edge, asked["do"], out or back, answer["problems"])
        elif not answer.get("failed") and "hosts" in answer:
            for line in edges.told(edge, asked["do"], out or back, answer):
                Display().display(line)
        result.update(answer)
        return result


def releases(
    backends: Iterable[Mapping[str, Any]], variable: str, hostvars: Mapping[str, Any]
) -> dict[str, dict[str, str]]:
    """Return the revision of each app on each host of BACKENDS, as release_info has left it in VARIABLE; by app, then host."""
    found: dict[str, dict[str, str]] = {}
    for host in dict.fromkeys(str(host["name"]) for entry in backends for host in entry["hosts"]):
        told = hostvars.get(host, {}).get(variable) if variable else None
        for app in told.get("apps") or [] if isinstance(told, Mapping) else []:
            if app.get("revision"):
                found.setdefault(str(app["app"]), {})[host] = str(app["revision"])
    return found
