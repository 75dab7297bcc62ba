# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""`slipway-metrics show`, as a person calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._metrics import gunicorn, program
from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import App, Config


def test_show_goes_on_from_what_the_service_has_counted_and_changes_nothing_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a release has counted that has ended since is told by nobody else."""
    release = tmp_path / "srv/releases/0007-a"
    release.mkdir(parents=True)
    (tmp_path / "srv/current").symlink_to("releases/0007-a")
    state = tmp_path / "state"
    state.mkdir()
    saved = state / "gunicorn.json"
    saved.write_text(json.dumps({"shop": {"of": dict.fromkeys(gunicorn.COUNTERS, 41.5), "seen": {}}}))
    before = saved.read_text()
    program.show(Config(apps=[App("shop", str(tmp_path / "srv"), str(tmp_path / "etc"))], state=state))
    assert 'slipway_gunicorn_busy_seconds_total{app="shop"} 41.5' in capsys.readouterr().out
    assert saved.read_text() == before
    assert sorted(path.name for path in state.iterdir()) == ["gunicorn.json"]


def test_show_works_before_the_service_has_counted_anything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program.show(Config(state=tmp_path / "nothing"))
    assert "slipway_" in capsys.readouterr().out
