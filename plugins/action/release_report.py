# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Prints how the apps on all hosts of a play are, and fails when one does not serve."""

from __future__ import annotations

import shutil
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._report import tables as report_tables

WIDTH = 100
"""Characters of a line where no terminal says how wide it is."""


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"variable"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars, tables, problems, left = task_vars or {}, {}, [], []
        for host in task_vars["ansible_play_hosts_all"]:
            found = task_vars["hostvars"][host].get(self._task.args["variable"]) or {"unreachable": True}
            if found.get("unreachable") or found.get("failed"):
                problems.append(f"{host}: {found.get('msg') or 'it could not be reached'}")
            elif not found.get("skipped"):
                tables[host] = found["apps"]
                kept = found.get("backups") or {}
                upkeep = found.get("upkeep") or {}
                lines = (
                    *found.get("left", []),
                    *kept.get("lines", []),
                    *upkeep.get("lines", []),
                    *found.get("notes", []),
                )
                left += [f"{host}: {text}" for text in lines]
                problems += [f"{host}: {text}" for text in (*kept.get("problems", []), *upkeep.get("problems", []))]
                problems += [f"{app['app']} on {host}: {text}" for app in found["apps"] for text in app["problems"]]
        if tables:
            width = shutil.get_terminal_size((WIDTH, 24)).columns
            Display().display("\n\n".join([report_tables.status(tables, width), *left]) + "\n")
        result["changed"] = False
        if problems:
            result.update(failed=True, msg=report_tables.not_serving(problems))
        return result
