# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is written on a host that is looked after, and what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.slipway.flask.plugins.plugin_utils._upkeep import plan

ROOT = Path(__file__).resolve().parents[5]
SPEC: dict[str, Any] = yaml.safe_load((ROOT / "roles/host_upkeep/meta/argument_specs.yml").read_text())


@pytest.mark.parametrize(("install", "is_written"), [("security", True), ("none", False)])
def test_nothing_is_written_for_a_program_that_is_not_installed(install: str, is_written: bool) -> None:
    variables = {"updates": {"install": install}, "memory": {}, "disk": {}, "sysctl": {}, "ports": [], "host": "web1"}
    found = [one for one in plan.plan(variables)["files"] if one["dest"] == plan.NEEDRESTART]
    assert [one.get("state", "file") != "absent" for one in found] == [is_written]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"updates": {"instal": "all"}}, "updates.instal. Supported parameters include: apart_minutes, install"),
        ({"updates": {"install": []}}, "must be one of: security, all, none, got: []"),
        ({"updates": {"apart_minutes": "x"}}, "argument 'apart_minutes' is of type str found in"),
        ({"disk": {"reserve_mb": {}}}, "argument 'reserve_mb' is of type dict found in"),
        ({"sysctl": True}, "argument 'host_upkeep_sysctl' is of type bool"),
        ({"ports": 5}, "Value '5' in the sub parameter field 'host_upkeep_ports' must be a list"),
    ],
)
def test_what_is_of_the_wrong_type_is_refused_by_the_role_s_spec(variables: dict[str, object], said: str) -> None:
    given = {f"host_upkeep_{name}": value for name, value in variables.items()}
    refused = ArgumentSpecValidator(SPEC["argument_specs"]["main"]["options"]).validate(given).error_messages
    assert said in "\n".join(refused)


@pytest.mark.parametrize("updates", [5, [1], None, "all"])
def test_packages_are_named_whatever_the_variables_are(updates: object) -> None:
    assert "unattended-upgrades" in plan.packages({"updates": updates})
