# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Prints what is wrong with the hosts now, and fails when something is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._action.report import Hosts, ReportAction, error_of
from ansible_collections.slipway.flask.plugins.plugin_utils._report import alerts


class ActionModule(ReportAction):
    report = alerts

    def of_host(self, found: Mapping[str, Any]) -> dict[str, Any]:
        return {"error": error_of(found), "firing": found.get("firing", []), "ways": found.get("ways", [])}

    def wrong(self, hosts: Hosts) -> str:
        return alerts.verdict(hosts)
