# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Prints how the hosts are, and fails when something is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._doctor.base import PROBLEM, problem
from ansible_collections.slipway.flask.plugins.plugin_utils._action import fleets
from ansible_collections.slipway.flask.plugins.plugin_utils._action.report import Hosts, ReportAction, error_of
from ansible_collections.slipway.flask.plugins.plugin_utils._report import doctor


class ActionModule(ReportAction):
    report = doctor

    def of_host(self, found: Mapping[str, Any]) -> dict[str, Any]:
        if found.get("skipped"):
            return {}
        error = error_of(found)
        if found.get("failed") and not found.get("unreachable"):
            said = str(found.get("module_stderr") or found.get("module_stdout") or "").strip()
            error = "; ".join(filter(None, [error, said[-300:]]))
        return {"error": error, "checks": found.get("checks", [])}

    def together(self, hosts: dict[str, dict[str, Any]], task_vars: Mapping[str, Any]) -> None:
        """Say which hosts serve another revision of an app than the others that have it."""
        for host, found in fleets.behind(str(self._task.args["variable"]), task_vars).items():
            if host in hosts:
                findings = [vars(problem(f"{app}: {text}", "")) for app, text in found.items()]
                hosts[host]["checks"] = [
                    *hosts[host]["checks"],
                    {"check": "releases", "findings": findings, "unknown": ""},
                ]

    def wrong(self, hosts: Hosts) -> str:
        return doctor.verdict(hosts) if doctor.counted(hosts, PROBLEM) else ""
