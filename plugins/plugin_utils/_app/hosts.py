# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which of an app's processes a host has, when several hosts have the app.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._service import redis


def on_host(
    apps: Iterable[Mapping[str, Any]], host: str, hosts: Sequence[str], variables: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return APPS, which have all their keys, with the processes that HOST is to run.

    HOSTS are all that the inventory has for the apps, in its order and whatever a run is limited to; VARIABLES are theirs.
    """
    return [
        {
            **app,
            "hosts": sharing(app, hosts, variables),
            "processes": {
                name: entry
                for name, entry in app["processes"].items()
                if entry["on"] != "first" or first(str(app["name"]), hosts, variables) in ("", host)
            },
        }
        for app in apps
    ]


def sharing(app: Mapping[str, Any], hosts: Iterable[str], variables: Mapping[str, Any]) -> int:
    """Return how many hosts share the database of APP: each has its own if it is local."""
    if app["database"] != "url":
        return 1
    return max(1, sum(app["name"] in _names(variables[host].get("slipway_apps")) for host in hosts))


def first(app: str, hosts: Iterable[str], variables: Mapping[str, Any]) -> str:
    """Return the first of HOSTS whose `slipway_apps` have the APP, "" for none."""
    return next((host for host in hosts if app in _names(variables[host].get("slipway_apps"))), "")


def problem(app: Mapping[str, Any], hosts: Iterable[str], variables: Mapping[str, Any]) -> str:
    """Return that nobody would do the jobs of some of the HOSTS that have APP, which has all its keys; "" if all are done.

    A scheduler may be on the first host alone: its jobs are in that host's queue. Workers may not.
    """
    long = {name: entry for name, entry in app["processes"].items() if not entry["schedule"]}
    mine = [host for host in hosts if app["name"] in _names(variables[host].get("slipway_apps"))]
    queue = any(one["purpose"] == "queue" for one in redis.instances(app))
    if not (queue and long and len(mine) > 1) or any(entry["on"] != "first" for entry in long.values()):
        return ""
    return (
        f"'redis' is 'local', so each of the app's {len(mine)} hosts has its own queue, but {', '.join(long)} in "
        f"'processes' would run only on {mine[0]}, and jobs on the others would wait forever. Remove `on: first`, or use one "
        "Redis for all with `redis: url`"
    )


def _names(apps: Any) -> list[str]:
    return [str(app["name"]) for app in apps or [] if isinstance(app, Mapping) and "name" in app]
