# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the host's own checks have found last: that of its upkeep and that of its backups. Their sentences are in status.yml.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import places as backup_places
from ansible_collections.slipway.flask.plugins.module_utils._host import stored
from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import Config
from ansible_collections.slipway.flask.plugins.module_utils._metrics.sample import Sample
from ansible_collections.slipway.flask.plugins.module_utils._upkeep import places as upkeep_places

MOST = 50


class Checks:
    """A part of the collector."""

    name = "checks"
    every = 60.0

    def __init__(self, config: Config) -> None:
        self.config = config

    def samples(self, now: float) -> Iterator[Sample]:
        found = {
            "host": told(upkeep_places.CHECKED, "kept"),
            "backups": told(backup_places.STATE / "check.json", "facts"),
        }
        for check, keys in found.items():
            for key in keys[:MOST]:
                yield Sample("slipway_check_problem", 1, {"check": check, "problem": key},
                             help="Problem found by a check of the host, by its short name.")  # fmt: skip


def told(path: Path, part: str) -> list[str]:
    """Return the short names of the problems that a check has kept at PATH as worth telling, sorted."""
    kept: Any = stored.read(path).get(part)
    names: Any = kept.get("told") if isinstance(kept, dict) else None
    return sorted(map(str, names)) if isinstance(names, dict) else []
