# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is written on a host that is looked after, and what is not."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._upkeep import plan


@pytest.mark.parametrize(("install", "is_written"), [("security", True), ("none", False)])
def test_nothing_is_written_for_a_program_that_is_not_installed(install: str, is_written: bool) -> None:
    variables = {"updates": {"install": install}, "memory": {}, "disk": {}, "sysctl": {}, "ports": [], "host": "web1"}
    found = [one for one in plan.plan(variables)["files"] if one["dest"] == plan.NEEDRESTART]
    assert [one.get("state", "file") != "absent" for one in found] == [is_written]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"updates": 5},
            "host_upkeep_updates is '5'; it must be a mapping with install, window, reboot, apart_minutes",
        ),
        ({"updates": {"instal": "all"}}, "host_upkeep_updates has 'instal', which is none of install, window"),
        ({"updates": {"install": []}}, "host_upkeep_updates.install is '[]'; it must be one of security, all, none"),
        ({"updates": {"apart_minutes": "x"}}, "host_upkeep_updates.apart_minutes is 'x'; it must be a number"),
        ({"memory": [1]}, "host_upkeep_memory is '[1]'; it must be a mapping with swap, swappiness"),
        ({"disk": {"reserve_mb": {}}}, "host_upkeep_disk.reserve_mb is '{}'; it must be a number"),
        ({"sysctl": True}, "host_upkeep_sysctl is 'True'; it must be a mapping"),
        ({"ports": 5}, "host_upkeep_ports is '5'; it must be a list, such as [{port: 8080}]"),
    ],
)
def test_what_is_of_the_wrong_type_is_refused(variables: dict[str, object], said: str) -> None:
    assert plan.packages(variables)
    (found,) = plan.problems(variables)
    assert found.startswith(said)
