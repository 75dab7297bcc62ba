# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the role `host_alerts` writes on a host.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml
from ansible_collections.slipway.flask.plugins.module_utils._alerts import places
from ansible_collections.slipway.flask.plugins.plugin_utils._alerts import alertmanager, rules
from ansible_collections.slipway.flask.plugins.plugin_utils._alerts.keys import THRESHOLDS
from ansible_collections.slipway.flask.plugins.plugin_utils._metrics import servers
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.plain import plain

PACKAGES = ("prometheus-alertmanager",)
DROP_IN = PurePosixPath("/etc/systemd/system") / f"{places.UNIT}.d" / "slipway.conf"
MANAGED = "# Written by Ansible (slipway.flask): the next run overwrites what is changed here.\n"
DISK_PERCENT = 85
ARGUMENTS = (
    f"--config.file={places.HANDED}",
    f"--storage.path={places.STATE}",
    f"--web.listen-address={places.ADDRESS[0]}:{places.ADDRESS[1]}",
    f"--web.config.file={places.WEB}",
    # Without it, it listens on port 9094 of every address for others like it.
    "--cluster.listen-address=",
    "--data.retention=120h",
)


def packages(settings: Any) -> list[str]:
    """Return the APT packages that SETTINGS need on the host; none without any."""
    return list(PACKAGES) if settings else []


def package_files(settings: Any) -> dict[str, str]:
    """Return the files that their installation reads: without its settings, the package's own server must not start."""
    return {str(DROP_IN): f"{MANAGED}[Unit]\nConditionPathExists={places.SETTINGS}\n"} if settings else {}


def plan(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return what slipway.flask.files takes: `files` and `units`.

    VARIABLES (name without the role's prefix -> value) are `settings`, which have passed `description.problems`, `host`, `watched`,
    `disk_percent`, `page`, `metrics` and `system`.
    """
    variables = plain(dict(variables))
    settings = variables.get("settings") or {}
    if not settings:
        return _nothing(str(variables.get("metrics") or "none"))
    authority = str((settings.get("mail") or {}).get("ca") or "")
    config = _yaml(alertmanager.document(settings))
    written = _yaml(
        rules.document(
            str(variables["host"]),
            thresholds(variables),
            variables.get("watched") or (),
            servers.is_old(variables.get("system") or ()),
        )
    )
    service = {"arguments": list(ARGUMENTS), "settings": str(places.SETTINGS), "handed": str(places.HANDED)}
    return {
        "files": [
            {"dest": str(places.FOLDER), "state": "directory"},
            {"dest": str(places.RULES.parent), "state": "directory"},
            {"dest": str(places.RULES), "content": written},
            {"src": "alertmanager.tmpl.j2", "dest": str(places.TEMPLATE), "vars": {"page": str(variables.get("page") or "")}},
            {"dest": str(places.CA), "content": authority} if authority else {"dest": str(places.CA), "state": "absent"},
            {"dest": str(places.SETTINGS), "content": config, "mode": "0600"},
            {"dest": str(DROP_IN.parent), "state": "directory"},
            {"src": "alertmanager.conf.j2", "dest": str(DROP_IN), "vars": service},
        ],
        "units": [
            # It is handed its settings when it starts.
            {"name": places.UNIT, "on_change": "restart",
             "files": [str(path) for path in (places.SETTINGS, places.TEMPLATE, places.CA, DROP_IN)]},
            {"name": servers.PROMETHEUS, "on_change": "reload", "files": [str(places.RULES)]},
        ],
    }  # fmt: skip


def thresholds(variables: Mapping[str, Any]) -> dict[str, float]:
    """Return all thresholds, and the disk usage that counts as full, which the host's maintenance uses as well."""
    given = (variables.get("settings") or {}).get("thresholds") or {}
    found = {name: given.get(name, key.default) for name, key in THRESHOLDS.items()}
    return {**found, "disk_percent": float(variables.get("disk_percent") or DISK_PERCENT)}


def _yaml(document: Any) -> str:
    return MANAGED + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000)


def _nothing(metrics: str) -> dict[str, Any]:
    """Return what stops and disables Alertmanager and takes the rules and every secret away."""
    gone = (places.RULES, places.SETTINGS, places.TEMPLATE, places.CA)
    return {
        "files": [{"dest": str(path), "state": "absent"} for path in gone],
        "units": [
            {"name": places.UNIT, "state": "stopped"},
            *(
                [{"name": servers.PROMETHEUS, "on_change": "reload", "files": [str(places.RULES)]}]
                if metrics == "local"
                else ()
            ),
        ],
    }
