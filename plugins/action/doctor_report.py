# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Prints how the hosts are, and fails when something is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._doctor.base import PROBLEM
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

    def wrong(self, hosts: Hosts) -> str:
        return doctor.verdict(hosts) if doctor.counted(hosts, PROBLEM) else ""
