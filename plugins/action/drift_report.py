# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Prints what the tasks of a run that only looks have found, and fails when there is a difference."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._action import fleets
from ansible_collections.slipway.flask.plugins.plugin_utils._report import drift

UNHEARD = (
    "drift.yml needs the callback slipway.flask.brief, which is not enabled: set "
    "`stdout_callback = slipway.flask.brief` in ansible.cfg, as Slipway's own does, or ANSIBLE_STDOUT_CALLBACK=slipway.flask.brief"
)


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"variable"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = {**super().run(tmp, task_vars), "changed": False}
        if not drift.RUN.looks:
            return {**result, "unreachable": True, "msg": UNHEARD}
        task_vars = task_vars or {}
        hosts = task_vars["ansible_play_hosts_all"]
        for host, found in fleets.behind(str(self._task.args.get("variable") or ""), task_vars).items():
            drift.RUN.of(host).differences += [
                drift.Difference(f"release of {app}", text) for app, text in found.items()
            ]
        text, differs, apart = drift.verdict(drift.RUN.hosts, hosts)
        for line in drift.lines(drift.RUN.hosts, hosts):
            Display().display(line)
        if apart:
            # ansible-playbook ends with 4 for it, and with 2 for what failed: a difference.
            return {**result, "unreachable": True, "msg": text}
        if differs:
            return {**result, "failed": True, "msg": text}
        Display().display(text)
        return result
