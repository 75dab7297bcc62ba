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
