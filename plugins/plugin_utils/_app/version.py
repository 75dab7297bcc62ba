# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The version given for a run (`-e version=…`), instead of the one in an app's description.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._source import requirement
from ansible_collections.slipway.flask.plugins.plugin_utils._source import description


def problems(apps: Sequence[Mapping[str, Any]], only: str, version: str) -> list[str]:
    """Return what is wrong with asking for VERSION of the app called ONLY, or of the only one that there is."""
    if not version:
        return []
    chosen = [app for app in apps if only in ("", app["name"])]
    if len(chosen) > 1:
        names = " or ".join(str(app["name"]) for app in chosen)
        return [f"version is '{version}', but there are {len(chosen)} apps; say of which: -e app={names}"]
    if not chosen:  # it is another host's
        return []
    source = chosen[0]["source"]
    told = f"version is '{version}', but app '{chosen[0]['name']}' comes from"
    if source.get("path"):
        return [f"{told} a folder: check out what you want there, or give the app a git source"]
    if source.get("archive"):
        return [f"{told} an archive: name the other one in its description"]
    return [f"version: {text}" for text in description.description_problems(wanted(chosen[0], version)["source"])]


def wanted(app: Mapping[str, Any], version: str) -> dict[str, Any]:
    """Return APP with VERSION in its source; "" leaves it as it is."""
    source = dict(app["source"])
    if version and source.get("package"):
        source["package"] = requirement.with_version(source["package"], version)
    elif version:
        source["version"] = version
    return {**app, "source": source}
