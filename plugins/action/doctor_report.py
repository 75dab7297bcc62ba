# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Prints how the hosts are, and fails when something is wrong."""

from __future__ import annotations

import shutil
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.module_utils._doctor.base import PROBLEM
from ansible_collections.slipway.flask.plugins.plugin_utils._report import doctor

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
            if not found.get("skipped"):
                hosts[str(host)] = {"error": error_of(found), "checks": found.get("checks", [])}
        width = max(60, shutil.get_terminal_size((WIDTH, 24)).columns)
        Display().display(doctor.machine(hosts) if form == "json" else doctor.text(hosts, width) + "\n")
        if doctor.counted(hosts, PROBLEM):
            # With JSON, nothing else may stand on standard output.
            return {**result, "failed": True, "msg": doctor.verdict(hosts), "told": form == "json"}
        return result


def error_of(found: dict[str, Any]) -> str:
    """Return why a host could not be examined, "" when it was."""
    if found.get("unreachable"):
        return str(found.get("msg") or "it could not be reached")
    if found.get("failed"):
        said = str(found.get("module_stderr") or found.get("module_stdout") or "").strip()
        return "; ".join(filter(None, [str(found.get("msg") or "it failed").strip(), said[-300:]]))
    return ""
