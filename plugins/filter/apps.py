# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filters from the description of an app to what each role wants to know."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.slipway.flask.plugins.module_utils import _app_version, _app_wiring, _apps


def normalise_apps(apps: Any, only: str = "", version: Any = "") -> list[dict[str, Any]]:
    """Return every app of `slipway_apps` with all its keys, or the one that is called ONLY, in VERSION if it is given.

    A host that has no such app gets an empty list: whether any host has it is what preflight knows.
    Raises AnsibleFilterError for a wrong description.
    """
    found = _apps.problems(apps) or _app_version.problems(apps, only, str(version))
    if found:
        raise AnsibleFilterError("slipway.flask.normalise_apps: " + "; ".join(found))
    return [_app_version.wanted(_apps.normalise(app), str(version)) for app in apps if only in ("", app["name"])]


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {
            "normalise_apps": normalise_apps,
            "app_connection": _app_wiring.connection,
            "app_database": _app_wiring.database,
            "app_needed_packages": _app_wiring.needed_packages,
            "app_owner_url": _app_wiring.owner_url,
            "app_packages": _app_wiring.packages,
            "app_secrets": _app_wiring.secrets,
            "app_scheme": _app_wiring.wanted_scheme,
            "app_site": _app_wiring.site,
            "app_web_folders": _app_wiring.web_folders,
            "app_writable_paths": _app_wiring.writable_paths,
        }
