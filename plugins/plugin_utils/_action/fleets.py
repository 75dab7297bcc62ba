# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which hosts of a play have one app together, for what is told of all of them at once.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import apps as fleet
from ansible_collections.slipway.flask.plugins.plugin_utils._report import fleet as report


def of_play(task_vars: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Return each app that several hosts of the play have, with these hosts in the play's order.

    Staging and production of one name are two: what they have in common is the name, the first domain and the stage.
    """
    found: dict[fleet.Identity, list[str]] = {}
    for host in task_vars.get("ansible_play_hosts_all") or []:
        for app in fleet.apps_of(host, task_vars["hostvars"]):
            found.setdefault(fleet.identity(app), []).append(str(host))
    return [(identity[0], hosts) for identity, hosts in found.items() if len(set(hosts)) > 1]


def other_hosts(app: str, host: str, task_vars: Mapping[str, Any]) -> list[str]:
    """Return the hosts of the play that have the APP of HOST with it, [] if it is alone."""
    return next(
        ([one for one in hosts if one != host] for name, hosts in of_play(task_vars) if name == app and host in hosts),
        [],
    )


def behind(variable: str, task_vars: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return what to say of hosts that serve another revision than the others: host -> app -> text.

    VARIABLE holds what a task has found on each host, `serving` of each app (module_utils/_release/info.py) among it.
    """
    found: dict[str, dict[str, str]] = {}
    for app, hosts in of_play(task_vars):
        told = {host: (task_vars["hostvars"][host].get(variable) or {}).get("serving", {}).get(app) for host in hosts}
        for host, text in report.behind({host: one for host, one in told.items() if one}).items():
            found.setdefault(host, {})[app] = text
    return found
