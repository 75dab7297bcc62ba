# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which of an app's processes a host runs, when several hosts have the app.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import apps as fleet
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import database
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet.hosts import RUNNING, Groups, Hostvars, roles_of
from ansible_collections.slipway.flask.plugins.plugin_utils._service import redis

App = Mapping[str, Any]


def on_host(
    apps: Iterable[App], host: str, groups: Groups | Sequence[str], variables: Hostvars
) -> list[dict[str, Any]]:
    """Return APPS, which have all their keys, with the processes that HOST is to run, and the URL of a database elsewhere.

    `runs` tells whether HOST runs the app at all, `serves` whether it has the web process and the site, `hosts` how many hosts
    share the app's database. GROUPS are those of the whole inventory, whatever a run is limited to, or the hosts of `web`;
    VARIABLES are those of all hosts.
    """
    known = grouped(groups)
    return [
        {
            **database.placed(app, host, known, variables),
            "hosts": sharing(app, known, variables),
            "serves": serves(host, known),
            "runs": runs_apps(host, known),
            "processes": {
                name: entry
                for name, entry in app["processes"].items()
                if runs(entry, host, known, fleet.members(app, known, variables))
            },
        }
        for app in apps
    ]


def grouped(groups: Groups | Sequence[str]) -> Groups:
    """Return GROUPS by name, of which there may only be the hosts of `web`."""
    return groups if isinstance(groups, Mapping) else {"web": groups}


def runs_apps(host: str, groups: Groups) -> bool:
    """Tell whether HOST runs releases: all but those that are in `edge` or `db` alone."""
    roles = roles_of(host, groups)
    return not roles or bool({*roles} & {*RUNNING})


def serves(host: str, groups: Groups) -> bool:
    """Tell whether HOST serves its apps' sites: all but those that are in `worker` alone."""
    return host in (groups.get("web") or []) or host not in (groups.get("worker") or [])


def runs(entry: Mapping[str, Any], host: str, groups: Groups, members: Sequence[str]) -> bool:
    """Tell whether HOST runs the process of an ENTRY with all keys, of an app that its MEMBERS have."""
    where = entry["on"]
    if where == "first":
        return not members or host == members[0]
    return bool(where == "every" or serves(host, groups) == (where == "web"))


def sharing(app: App, groups: Groups, variables: Hostvars) -> int:
    """Return how many hosts share the database of APP: each has its own if it is local and no host of `db` has it."""
    shared = app["database"] == "url" or fleet.database_host_of(app, groups, variables)
    return max(1, len(fleet.members(app, groups, variables))) if shared else 1


def problems(app: App, groups: Groups | Sequence[str], variables: Hostvars) -> Iterator[str]:
    """Yield what would be done by nobody, on the hosts that have APP, which has all its keys."""
    known = grouped(groups)
    members = fleet.members(app, known, variables)
    long = {name: entry for name, entry in app["processes"].items() if not entry["schedule"]}
    for name, entry in app["processes"].items():
        if members and not any(runs(entry, host, known, members) for host in members):
            yield (
                f"process '{name}' is `on: {entry['on']}`, but no host of the group '{entry['on']}' has the app, so it would run "
                "nowhere. Add a host to that group, or remove `on`"
            )
    queue = any(one["purpose"] == "queue" for one in redis.instances(app))
    lonely = [host for host in members if not any(runs(entry, host, known, members) for entry in long.values())]
    lonely = [host for host in lonely if serves(host, known)]  # what puts jobs into its own queue
    if queue and long and len(members) > 1 and lonely:
        where = ", ".join(host for host in members if any(runs(one, host, known, members) for one in long.values()))
        yield (
            f"'redis' is 'local', so each of the app's {len(members)} hosts has its own queue, but {', '.join(long)} in "
            f"'processes' would run only on {where or 'none of them'}, and jobs on {', '.join(lonely)} would wait forever. Remove "
            "`on` from them, or use one Redis for all with `redis: url`"
        )
