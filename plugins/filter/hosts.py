# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filters about the host itself: access, maintenance, packages, backups, metrics, alerts, logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host.packages import lacking
from ansible_collections.slipway.flask.plugins.plugin_utils._access.document import document as host_access_document
from ansible_collections.slipway.flask.plugins.plugin_utils._access.document import packages as host_access_packages
from ansible_collections.slipway.flask.plugins.plugin_utils._access.document import problems as host_access_problems
from ansible_collections.slipway.flask.plugins.plugin_utils._alerts.description import problems as host_alerts_problems
from ansible_collections.slipway.flask.plugins.plugin_utils._alerts.plan import (
    package_files as host_alerts_package_files,
)
from ansible_collections.slipway.flask.plugins.plugin_utils._alerts.plan import packages as host_alerts_packages
from ansible_collections.slipway.flask.plugins.plugin_utils._alerts.plan import plan as host_alerts_plan
from ansible_collections.slipway.flask.plugins.plugin_utils._backup import description as backups
from ansible_collections.slipway.flask.plugins.plugin_utils._backup import setup
from ansible_collections.slipway.flask.plugins.plugin_utils._backup.setup import plan as backups_plan
from ansible_collections.slipway.flask.plugins.plugin_utils._dashboard import description as dashboard
from ansible_collections.slipway.flask.plugins.plugin_utils._dashboard.description import site as host_dashboard_site
from ansible_collections.slipway.flask.plugins.plugin_utils._dashboard.plan import plan as host_dashboard_plan
from ansible_collections.slipway.flask.plugins.plugin_utils._metrics.plan import (
    package_files as host_metrics_package_files,
)
from ansible_collections.slipway.flask.plugins.plugin_utils._metrics.plan import packages as host_metrics_packages
from ansible_collections.slipway.flask.plugins.plugin_utils._metrics.plan import plan as host_metrics_plan
from ansible_collections.slipway.flask.plugins.plugin_utils._metrics.plan import problems as host_metrics_problems
from ansible_collections.slipway.flask.plugins.plugin_utils._metrics.site import sites as host_metrics_sites
from ansible_collections.slipway.flask.plugins.plugin_utils._shipping.plan import (
    package_files as host_logs_package_files,
)
from ansible_collections.slipway.flask.plugins.plugin_utils._shipping.plan import packages as host_logs_packages
from ansible_collections.slipway.flask.plugins.plugin_utils._shipping.plan import plan as host_logs_plan
from ansible_collections.slipway.flask.plugins.plugin_utils._shipping.plan import problems as host_logs_problems
from ansible_collections.slipway.flask.plugins.plugin_utils._upkeep.plan import packages as host_upkeep_packages
from ansible_collections.slipway.flask.plugins.plugin_utils._upkeep.plan import plan as host_upkeep_plan
from ansible_collections.slipway.flask.plugins.plugin_utils._upkeep.plan import problems as host_upkeep_problems


def backups_packages(settings: Any, apps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the APT packages that backups of APPS need; none without SETTINGS."""
    return setup.packages(apps, bool(settings))


def backups_problems(settings: Any, apps: Sequence[Mapping[str, Any]], system: Sequence[Any]) -> list[str]:
    """Return what is wrong with SETTINGS, or what a host's SYSTEM can't do of them; nothing is wrong with none."""
    if not settings:
        return []
    name, version = (str(part) for part in system)
    return backups.problems(settings) or backups.refusals(settings, apps, (name, version))


def host_dashboard_problems(settings: Any, mode: str = "local", apps: Sequence[Mapping[str, Any]] = ()) -> list[str]:
    """Return what is wrong with SETTINGS; nothing is wrong with none."""
    return dashboard.problems(settings, mode, apps) if settings else []


def packages_missing(names: Sequence[str], installed: str) -> list[str]:
    """Return those of NAMES that are not among the names INSTALLED."""
    return lacking([str(name) for name in names], set(installed.split()))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "backups_packages": backups_packages,
            "backups_plan": backups_plan,
            "backups_problems": backups_problems,
            "host_access_document": host_access_document,
            "host_access_packages": host_access_packages,
            "host_access_problems": host_access_problems,
            "host_alerts_package_files": host_alerts_package_files,
            "host_alerts_packages": host_alerts_packages,
            "host_alerts_plan": host_alerts_plan,
            "host_alerts_problems": host_alerts_problems,
            "host_dashboard_plan": host_dashboard_plan,
            "host_dashboard_problems": host_dashboard_problems,
            "host_dashboard_site": host_dashboard_site,
            "host_logs_package_files": host_logs_package_files,
            "host_logs_packages": host_logs_packages,
            "host_logs_plan": host_logs_plan,
            "host_logs_problems": host_logs_problems,
            "host_metrics_package_files": host_metrics_package_files,
            "host_metrics_packages": host_metrics_packages,
            "host_metrics_plan": host_metrics_plan,
            "host_metrics_problems": host_metrics_problems,
            "host_metrics_sites": host_metrics_sites,
            "host_upkeep_packages": host_upkeep_packages,
            "host_upkeep_plan": host_upkeep_plan,
            "host_upkeep_problems": host_upkeep_problems,
            "packages_missing": packages_missing,
        }
