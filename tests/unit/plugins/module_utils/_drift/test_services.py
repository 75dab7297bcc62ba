# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Services of the live release which somebody has stopped, or taken out of the boot."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._app.places import Places
from ansible_collections.slipway.flask.plugins.module_utils._drift import services
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd, timer
from ansible_collections.slipway.flask.plugins.module_utils._process.look.members import processes_of

ID = "0007-abc"
UNITS = (f"shop@{ID}.service", f"shop.worker@{ID}.service", f"shop.digest@{ID}.timer")
PROCESSES = '{"worker": {"command": "x"}, "digest": {"command": "x", "kind": "schedule", "schedule": "daily"}}'


@pytest.fixture
def states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The state of each unit on a host on which all run."""
    states = dict.fromkeys(UNITS, "active")
    for module, name in ((systemd, "WANTS"), (timer, "WANTS"), (systemd, "UNITS")):
        folder = tmp_path / module.__name__.rpartition(".")[2] / name
        folder.mkdir(parents=True, exist_ok=True)
        monkeypatch.setattr(module, name, folder)
    for unit in UNITS:
        (wants(unit) / unit).symlink_to("/nowhere")
    monkeypatch.setattr(systemd, "properties", lambda unit, *_: {"ActiveState": states.get(unit, "inactive")})
    for folder in ("etc/shop", f"etc/shop/releases/{ID}"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "processes.json").write_text(PROCESSES)
    return states


def wants(unit: str) -> Path:
    return timer.WANTS if unit.endswith(".timer") else systemd.WANTS


def stopped(tmp_path: Path) -> list[str]:
    paths = Places("shop", tmp_path / "srv/shop", tmp_path / "etc/shop")
    return [f"{one.what}: {one.words}" for one in services.stopped(ID, processes_of(paths))]


def test_a_release_whose_services_run_has_no_difference(tmp_path: Path, states: dict[str, str]) -> None:
    assert stopped(tmp_path) == []


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_that_was_stopped_is_named(tmp_path: Path, states: dict[str, str], unit: str) -> None:
    states[unit] = "failed"
    assert stopped(tmp_path) == [f"{unit}: does not run: it is failed"]


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_that_would_not_start_at_boot_is_named(tmp_path: Path, states: dict[str, str], unit: str) -> None:
    (wants(unit) / unit).unlink()
    assert stopped(tmp_path) == [f"{unit}: is not enabled: it does not start at boot"]
