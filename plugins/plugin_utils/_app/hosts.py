# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which of an app's processes a host has, when several hosts have the app.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def on_host(
    apps: Iterable[Mapping[str, Any]], host: str, hosts: Sequence[str], variables: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return APPS, which have all their keys, with the processes that HOST is to run.

    HOSTS are all that the inventory has for the apps, in its order and whatever a run is limited to; VARIABLES are theirs.
    """
    return [
        {
            **app,
            "processes": {
                name: entry
                for name, entry in app["processes"].items()
                if entry["on"] != "first" or first(str(app["name"]), hosts, variables) in ("", host)
            },
        }
        for app in apps
    ]


def first(app: str, hosts: Iterable[str], variables: Mapping[str, Any]) -> str:
    """Return the first of HOSTS whose `slipway_apps` have the APP, "" for none."""
    return next((host for host in hosts if app in _names(variables[host].get("slipway_apps"))), "")


def _names(apps: Any) -> list[str]:
    return [str(app["name"]) for app in apps or [] if isinstance(app, Mapping) and "name" in app]
