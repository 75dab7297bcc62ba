# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which timers a host gets for its backups."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._backup import setup

SETTINGS = {"to": [{"path": "/mnt/backup"}], "passphrase": "velvet-anchor-93-otter-lamp"}
APPS = [{"name": "shop", "user": "shop", "database": "shop", "folders": ["/srv/shop/shared"]}]
UNITS = "/etc/systemd/system/"
RUN, CHECK, DRILL = (f"slipway-backup{name}.timer" for name in ("", "-check", "-drill"))


@pytest.mark.parametrize(
    ("found", "units", "gone"),
    [
        (SETTINGS, [RUN, CHECK, DRILL], []),
        ({**SETTINGS, "drill": ""}, [RUN, CHECK], [DRILL]),
        ({}, [], [RUN, CHECK, DRILL]),
    ],
    ids=["by default", "without drills", "without backups"],
)
def test_a_host_has_the_timers_that_are_wanted_and_no_others(
    found: dict[str, object], units: list[str], gone: list[str]
) -> None:
    plan = setup.plan(found, APPS, "vps1")
    assert [unit["name"] for unit in plan["units"]] == units
    absent = {entry["dest"] for entry in plan["files"] if entry.get("state") == "absent"}
    written = {entry["dest"] for entry in plan["files"] if entry.get("state") != "absent"}
    for name in (RUN, CHECK, DRILL):
        for path in (UNITS + name, UNITS + name.replace(".timer", ".service")):
            assert (path in written, path in absent) == (name in units, name in gone), path
        assert (f"{UNITS}timers.target.wants/{name}" in absent) == (name in gone)
