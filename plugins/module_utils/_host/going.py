# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Whether an app is being removed from this host: nothing of it may be started then, since what it wrote would go unseen.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from pathlib import Path

FOLDER = Path("/var/lib/slipway/removed")
"""For root alone: `<app>.json`, the journal of a removal (_remove/journal.py)."""


def going(app: str) -> str:
    """Return since when APP is being removed, in UTC; "" when it is not, or all of it is gone."""
    try:
        found = json.loads((FOLDER / f"{app}.json").read_text())
        return "" if found["step"] == "gone" else str(found["begun"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
