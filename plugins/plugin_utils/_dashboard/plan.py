# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the role `host_dashboard` writes on a host.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._dashboard import places, queries

NGINX = "nginx.service"
RELOAD = {"name": "prometheus.service", "on_change": "reload", "files": [str(places.RULES)]}


def plan(about: Mapping[str, Any], wanted: bool = True, store: bool = True) -> dict[str, Any]:
    """Return what slipway.flask.files takes: `files`, `prune` and `units`.

    :param about: what the page says before anything is measured: host, apps (name, domains), backups, alerts.
    :param wanted: false takes all of it away.
    :param store: whether the host still has a store, which reads its rules again.
    """
    # Values of Ansible's own have types that can't be copied; as text they are like all others.
    apps = [{"name": app["name"], "domain": app["domains"][0]} for app in about.get("apps", ())]
    text = json.dumps({**about, "apps": apps}, default=str, indent=2, sort_keys=True) + "\n"
    names = sorted(path.name for path in queries.PAGE.iterdir())
    folder = str(places.FOLDER)
    if not wanted:
        gone = [*(f"{folder}/{name}" for name in (*names, "about.json")), str(places.RULES)]
        files = [{"dest": path, "state": "absent"} for path in gone]
        return {"files": files, "prune": [], "units": [RELOAD] if store else []}
    page = [{"dest": f"{folder}/{name}", "content": (queries.PAGE / name).read_text()} for name in names]
    rules = {"dest": str(places.RULES), "content": json.dumps(queries.rules(), indent=2) + "\n"}
    return {
        "files": [
            *({"dest": str(path), "state": "directory"} for path in (places.FOLDER.parent, places.FOLDER)),
            *page,
            {"dest": f"{folder}/about.json", "content": text},
            rules,
        ],
        "prune": [{"folder": folder, "pattern": "*"}],
        "units": [
            RELOAD,
            # It read its sites before the store's password was made, the first time.
            {"name": NGINX, "on_change": "reload", "files": [entry["dest"] for entry in page]},
        ],
    }
