# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An action that prints what a task before it has found of all hosts, for a person or as JSON, and fails when something is wrong.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

FORMATS = ("text", "json")
WIDTH = 110
"""Characters of a line where no terminal says how wide it is."""

Hosts = Mapping[str, Mapping[str, Any]]


class ReportAction(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"variable", "format"})
    report: ModuleType
    """What makes of all that is told a text for a person (`text`) or JSON (`machine`)."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = {**super().run(tmp, task_vars), "changed": False}
        task_vars, form = task_vars or {}, str(self._task.args.get("format") or "text")
        if form not in FORMATS:
            return {**result, "failed": True, "msg": f"format is '{form}'; it must be one of {', '.join(FORMATS)}"}
        hosts: dict[str, dict[str, Any]] = {}
        for host in task_vars["ansible_play_hosts_all"]:
            found = task_vars["hostvars"][host].get(self._task.args["variable"]) or {"unreachable": True}
            if told := self.of_host(found):
                hosts[str(host)] = told
        self.together(hosts, task_vars)
        width = max(60, shutil.get_terminal_size((WIDTH, 24)).columns)
        Display().display(self.report.machine(hosts) if form == "json" else self.report.text(hosts, width) + "\n")
        if said := self.wrong(hosts):
            # With JSON, nothing else may stand on standard output.
            return {**result, "failed": True, "msg": said, "told": form == "json"}
        return result

    def of_host(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is told of a host, of which the task has FOUND that; {} leaves it out."""
        raise NotImplementedError

    def together(self, hosts: dict[str, dict[str, Any]], task_vars: Mapping[str, Any]) -> None:
        """Add to HOSTS what only those see who look at all of them."""

    def wrong(self, hosts: Hosts) -> str:
        """Return the message with which the action fails, "" when nothing is wrong."""
        raise NotImplementedError


def error_of(found: Mapping[str, Any]) -> str:
    """Return why a host could not be asked, "" when it was."""
    if found.get("unreachable"):
        return str(found.get("msg") or "it could not be reached")
    return str(found.get("msg") or "it failed").strip() if found.get("failed") else ""
