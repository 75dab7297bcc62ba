# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Apps that a host still has and nobody describes any more: what is said of one.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._app import previews
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd, timer

MARK = re.compile(r"^# One instance runs one release: (.+)@<release>\.service$", re.MULTILINE)
"""The line of gunicorn_systemd's unit by which it is known."""
REMOVE = "ansible-playbook playbooks/remove.yml -e app={}"
"""What a person types to remove an app."""


def left(known: Collection[str]) -> list[str]:
    """Return a sentence for each app that is set up on this host and not in KNOWN."""
    found = []
    for path in sorted(systemd.UNITS.glob("*@.service")):
        if (name := name_of(path)) and name not in known and not previews.read(name):
            runs = any(systemd.is_active(f"{name}@{one}.service") for one in systemd.instances(name))
            found.append(said(name, runs, any(systemd.UNITS.glob(f"{name}.*@*"))))
    return found


def name_of(path: Path) -> str:
    """Return the app whose unit the file is, "" when it is nobody's."""
    try:
        match = MARK.search(path.read_text(errors="replace"))
    except OSError:
        return ""
    return match[1] if match else ""


def said(name: str, runs: bool, processes: bool = False) -> str:
    """Return what is said of an app that left the list.

    RUNS tells whether its service does, PROCESSES whether it has others beside it.
    """
    whole = [name, *[f"{name}.*"] * processes]
    units = " ".join(f"'{one}@*'" for one in whole)
    links = [f"{systemd.WANTS}/{one}@*.service" for one in whole] + [f"{timer.WANTS}/{name}.*@*.timer"] * processes
    stop = f"`systemctl stop {units} && rm -f {' '.join(links)}`"
    return (
        f"the app '{name}' is set up on the host but not in slipway_apps: its service {'runs' if runs else 'does not run'}, and "
        f"site.yml {'would remove its site from nginx, so that its domains stop answering' if runs else 'removes its site'}. "
        f"Put it back on the list, which must have all apps of a host, or remove it with all its data: `{REMOVE.format(name)}`"
        f"{f'. Or just stop it with {stop}; its secrets stay in /etc/{name}' if runs else ''}"
    )
