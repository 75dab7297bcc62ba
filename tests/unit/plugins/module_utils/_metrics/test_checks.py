# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the host's own checks have found is measured by its short name, whatever is in their files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import places as backup_places
from ansible_collections.slipway.flask.plugins.module_utils._metrics.checks import Checks
from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import Config
from ansible_collections.slipway.flask.plugins.module_utils._upkeep import places as upkeep_places


@pytest.mark.parametrize(
    ("upkeep", "backups", "found"),
    [
        ({"kept": {"told": {"updates-late": "security updates were last checked for 4 days ago"}}}, {}, [("host", "updates-late")]),
        ({}, {"facts": {"told": {"timer:run": "slipway-backup.timer is not active"}}}, [("backups", "timer:run")]),
        ({"kept": {"told": {}}}, {"facts": {}}, []),
        ({"kept": "?"}, {"facts": {"told": ["?"]}}, []),
    ],
    ids=["an update that is late", "a timer that is off", "nothing", "files that are broken"],
)  # fmt: skip
def test_problems_are_told_by_their_short_names(
    upkeep: Any, backups: Any, found: list[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep_places, "CHECKED", tmp_path / "upkeep.json")
    monkeypatch.setattr(backup_places, "STATE", tmp_path)
    (tmp_path / "upkeep.json").write_text(json.dumps(upkeep))
    (tmp_path / "check.json").write_text(json.dumps(backups))
    told = list(Checks(Config()).samples(0))
    assert [(one.labels["check"], one.labels["problem"]) for one in told] == found
