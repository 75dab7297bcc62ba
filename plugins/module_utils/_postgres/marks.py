# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a host keeps of a promotion: that its server was promoted, or closed for another one.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import stored

FILE = Path("/var/lib/slipway/promotion.json")


@dataclass(frozen=True)
class Marks:
    """At most one of the two is set: whose standby it was until it was promoted, or for which host it was closed."""

    promoted_from: str = ""
    closed_for: str = ""
    at: str = ""
    by: str = ""
    position: str = ""
    """Where the log ended: of a closed server, its last checkpoint; of a promoted one, the first own record."""

    @property
    def sentence(self) -> str:
        """What happened, "" for nothing."""
        if self.closed_for:
            return f"closed at {self.at} by {self.by}, for the promotion of {self.closed_for}"
        if self.promoted_from:
            return f"promoted at {self.at} by {self.by}; before that it was the standby of {self.promoted_from}"
        return ""


def read() -> Marks:
    """Return what is kept, nothing of it when that can't be read."""
    found = stored.read(FILE)
    return Marks(**{key: str(found[key]) for key in Marks.__dataclass_fields__ if key in found})


def write(marks: Marks) -> None:
    stored.write(FILE, asdict(marks))


def forget() -> bool:
    """Keep nothing any more; tell whether there was something."""
    there = FILE.exists()
    FILE.unlink(missing_ok=True)
    return there
