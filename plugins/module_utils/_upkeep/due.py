# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Whether an update needs a reboot. PRIVATE to the collection."""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.module_utils._upkeep import places


def why() -> str:
    """Return what needs a reboot, "" when nothing does."""
    marker, packages = places.REBOOT
    if not marker.exists():
        return ""
    names = list(dict.fromkeys(packages.read_text().split())) if packages.exists() else []
    return ", ".join(names) or "an update"
