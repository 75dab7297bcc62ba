# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.doctor: asks the host how it is, and looks at it from outside."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.flask.plugins.module_utils._doctor.base import Finding, problem
from ansible_collections.slipway.flask.plugins.plugin_utils._action import on_host, switch
from ansible_collections.slipway.flask.plugins.plugin_utils._app import choice, hosts
from ansible_collections.slipway.flask.plugins.plugin_utils._doctor import outside, senders
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import apps as fleet
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet.hosts import Groups
from ansible_collections.slipway.flask.plugins.plugin_utils._target import systemd as target


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"apps", "app", "proxied", "audit_url"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars, more, apps = task_vars or {}, [], []
        os.environ.setdefault("RES_OPTIONS", "timeout:2 attempts:1")  # resolv.conf(5); this process ends with the task
        try:
            apps = choice.meant(self._task.args, task_vars) if self._task.args.get("apps") else []
        except choice.NotHere as error:
            return {**result, **error.result}
        except choice.ChoiceError as error:
            more.append(
                check("inventory", [problem(str(error), "Correct slipway_apps; site.yml would refuse it as well")])
            )
        before = time.time()
        groups, variables = task_vars.get("groups") or {}, task_vars.get("hostvars") or {}
        host = str(task_vars.get("inventory_hostname"))
        there = apps if hosts.runs_apps(host, groups) else []
        asked = {
            "senders": senders.senders(there),
            "audits": target.audits(there, self._task.args.get("audit_url")),
            "apps": [target.places(app) for app in there],
            "behind": [app["name"] for app in there if host not in entrances(app, host, groups, variables)],
        }
        answer = on_host.ask(self, "doctor", asked, task_vars)
        after = time.time()
        if answer.get("failed") or answer.get("unreachable"):
            result.update(answer)
            return result
        # Visitors come to the edges of an app where it has some; nobody comes to a host for its processes or its database alone.
        names = outside.domains_of([app for app in apps if host in entrances(app, host, groups, variables)])
        address = str(task_vars.get("ansible_host") or task_vars.get("inventory_hostname"))
        if names:
            try:
                own = {*answer["addresses"], *outside.resolve(address)}
            except OSError:
                own = set(answer["addresses"])
            proxied = switch.flag(self._task.args, "proxied")
            more.append(check("dns", outside.dns(names, own, proxied)))
            more.append(check("https", outside.https(names, address)))
        more.append(check("clocks", outside.clock(answer["time"], before, after)))
        result.update(answer)
        return {**result, "changed": False, "checks": [*answer["checks"], *more]}


def entrances(app: Mapping[str, Any], host: str, groups: Groups, variables: Mapping[str, Any]) -> list[str]:
    """Return the hosts to which the domains of APP, one of HOST's, must lead; HOST if the inventory says nothing of it."""
    return fleet.edges_of(app, groups, variables) or fleet.web_hosts_of(app, groups, variables) or [host]


def check(name: str, findings: Iterable[Finding]) -> dict[str, Any]:
    return {"check": name, "findings": [vars(finding) for finding in findings], "unknown": ""}
