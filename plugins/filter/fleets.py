# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filters that say over which hosts a deploy or a rollback goes as over one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import apps as fleet
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import hosts
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet.hosts import Groups, Hostvars


def release_fleets(
    apps: Iterable[Mapping[str, Any]],
    groups: Groups,
    hostvars: Hostvars,
    without: Any = "",
    canary: Any = "",
    apart: Sequence[str] = (),
) -> dict[str, dict[str, Any]]:
    """Return for each of APPS that several hosts have: which these are (`members`), and without those left out (`hosts`).

    WITHOUT names the latter, with commas or as a list; CANARY the host that switches first, which is else the first of `web`;
    APART hosts that have the app and are none of them: those that a release is promoted from.
    """
    out = [str(one).strip() for one in (without if isinstance(without, (list, tuple)) else str(without).split(","))]
    found = {}
    for app in apps:
        members = [host for host in fleet.members(app, groups, hostvars) if host not in apart]
        if len(members) < 2:
            continue
        left = [host for host in members if host not in out]
        web = [host for host in fleet.web_hosts_of(app, groups, hostvars) if host in left]
        found[str(app["name"])] = {
            "members": members,
            "hosts": left,
            "without": [name for name in out if name],
            "canary": str(canary) or next(iter([*web, *left]), ""),
            "edges": [hosts.address(edge, hostvars) for edge in fleet.edges_of(app, groups, hostvars)],
        }
    return found


def release_rounds(releases: Sequence[Mapping[str, Any]], fleets: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return RELEASES as what the role app_release loops over: those of FLEETS without what is otherwise on each host.

    Ansible takes a file of tasks to all hosts side by side only if they loop over the same items.
    """
    return [
        {"name": one["name"], "fleet": fleets[one["name"]], "hooks": one.get("hooks") or {}}
        if one["name"] in fleets
        else dict(one)
        for one in releases
    ]


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {
            "release_fleets": release_fleets,
            "release_rounds": release_rounds,
        }
