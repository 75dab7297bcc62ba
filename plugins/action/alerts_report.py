# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Prints what is wrong with the hosts now, and fails when something is."""

from __future__ import annotations

import shutil
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._report import alerts

FORMATS = ("text", "json")
WIDTH = 110
"""Characters of a line where no terminal says how wide it is."""


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"variable", "format"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = {**super().run(tmp, task_vars), "changed": False}
        task_vars, form = task_vars or {}, str(self._task.args.get("format") or "text")
        if form not in FORMATS:
            return {**result, "failed": True, "msg": f"format is '{form}'; it must be one of {', '.join(FORMATS)}"}
        hosts = {}
        for host in task_vars["ansible_play_hosts_all"]:
            found = task_vars["hostvars"][host].get(self._task.args["variable"]) or {"unreachable": True}
            hosts[str(host)] = {
                "error": _error(found),
                "firing": found.get("firing", []),
                "ways": found.get("ways", []),
            }
        width = max(60, shutil.get_terminal_size((WIDTH, 24)).columns)
        Display().display(alerts.machine(hosts) if form == "json" else alerts.text(hosts, width) + "\n")
        if said := alerts.verdict(hosts):
            # With JSON, nothing else may stand on standard output.
            return {**result, "failed": True, "msg": said, "told": form == "json"}
        return result


def _error(found: dict[str, Any]) -> str:
    """Return why a host could not be asked, "" when it was."""
    if found.get("unreachable"):
        return str(found.get("msg") or "it could not be reached")
    return str(found.get("msg") or "it failed").strip() if found.get("failed") else ""
