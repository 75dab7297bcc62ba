# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Words of the command line (`site.yml -e standby=anew`) that nothing would come of if they were misspelt.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import apps as fleet
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import hosts
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet.hosts import Groups, Hostvars


def unknown(given: Mapping[str, Any], groups: Groups, hostvars: Hostvars) -> str:
    """Return what is wrong with the first of the words GIVEN by the name of their variable ("" is none), "" if nothing is."""
    apps = sorted({str(app.get("name")) for host in hosts.hosts_of(groups) for app in fleet.apps_of(host, hostvars)})
    followers = [host for host in groups.get("db") or [] if fleet.standby_of(host, hostvars)]
    known = {"standby": ["anew"], "backups": ["anew"], "discard": followers, "moved": apps, "anew": apps}
    kinds = {"discard": "a standby of the group 'db'", "moved": "an app", "anew": "an app"}
    for name, word in given.items():
        if str(word or "") not in ("", *known[name]):
            of = f"{kinds[name]} (there is: {', '.join(known[name]) or 'none'})" if name in kinds else known[name][0]
            return f"{name} is '{word}'; it must be {of}"
    return ""
