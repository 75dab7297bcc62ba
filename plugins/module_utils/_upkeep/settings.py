# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The maintenance settings of a host, and how they are read.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import time
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._upkeep import places


@dataclass(frozen=True)
class Settings:
    """All settings of the program. Times are in the host's time zone, HH:MM; sizes are in MiB."""

    host: str = ""
    install: str = "security"
    window: Sequence[str] = ("03:00", "05:00")
    """When services may be restarted."""
    reboot: str = ""
    """When this host may reboot; "" is never."""
    swap: str = "auto"
    """auto, none, or MiB."""
    warn_percent: int = 85
    reserve_mb: int = 256
    journal_mb: int = 500
    ports: Sequence[str] = ()
    """What may listen for everybody, such as 443/tcp."""
    sites: Sequence[Mapping[str, Any]] = ()
    """name, domain, path, and the folder with its releases."""
    notifications: Sequence[Mapping[str, str]] = field(default_factory=list)
    tells_problems: bool = True
    """Whether they are told what a check finds, and not only how a reboot went: alerts may tell it."""

    def as_text(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"

    @classmethod
    def read(cls, path: Path | None = None) -> Settings:
        """Return the settings of the host. Raises OSError if there are none."""
        found = json.loads((path or places.SETTINGS).read_text())
        return cls(**{key: value for key, value in found.items() if key in cls.__dataclass_fields__})

    def is_open(self, now: time) -> bool:
        """Tell whether services may be restarted at a time of the day; a window may go over midnight."""
        first, last = (time.fromisoformat(text) for text in self.window)
        return first <= now < last if first <= last else now >= first or now < last
