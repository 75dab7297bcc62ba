# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is written on a host whose metrics are kept, and that nothing of it goes on when they are not wanted any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._metrics import places
from ansible_collections.slipway.flask.plugins.plugin_utils._metrics import plan
from host_library import help_of

APP = {
    "name": "shop",
    "root": "/srv/shop",
    "settings": "/etc/shop",
    "domains": ["shop.test"],
    "database": "shop",
    "redis": {},
}


def paths(variables: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the files of the plan by their path."""
    return {entry["dest"]: entry for entry in plan.plan(variables)["files"]}


def test_the_collector_runs_on_a_python_without_ansible(tmp_path: Path) -> None:
    library = [entry for entry in plan.plan({"mode": "local"})["files"] if "/usr/local/lib/slipway" in entry["dest"]]
    assert "every 15 seconds" in help_of("_metrics.program", library, tmp_path)


def test_what_the_collector_is_told_is_root_s_alone_and_a_new_module_starts_it_anew() -> None:
    found = plan.plan({"mode": "local", "apps": [APP], "host": "web1"})
    entry = next(one for one in found["files"] if one["dest"] == str(places.SETTINGS))
    assert (entry["mode"], '"shop.test"' in entry["content"]) == ("0600", True)
    unit = next(one for one in found["units"] if one["name"] == "slipway-metrics.service")
    modules = {one["dest"] for one in found["files"] if one["dest"].endswith(".py")}
    assert modules <= set(unit["files"])


def test_metrics_that_are_not_wanted_any_more_are_stopped_and_their_files_gone() -> None:
    wanted, gone = paths({"mode": "local"}), paths({"mode": "none"})
    own = {dest for dest, entry in wanted.items() if entry.get("state", "file") == "file"}
    shared = own - set(gone)
    assert all(dest.startswith("/usr/local/lib/slipway/") for dest in shared), shared
    assert all(entry["state"] == "absent" for entry in gone.values())
    assert {unit["state"] for unit in plan.plan({"mode": "none"})["units"]} == {"stopped"}


@pytest.mark.parametrize(
    ("variables", "said"), [({"mode": "local"}, ""), ({"mode": "on"}, "host_metrics_mode is 'on'")]
)
def test_what_cannot_work_is_refused(variables: dict[str, Any], said: str) -> None:
    found = plan.problems(variables)
    assert (len(found), said in "".join(found)) == (int(bool(said)), True)
