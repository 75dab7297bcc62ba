# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The sample app as the repository describes it, and other people's applications as they are deployed to a host: everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description
from ansible_collections.slipway.flask.plugins.plugin_utils._render import refusals
from ansible_collections.slipway.flask.plugins.plugin_utils._render.meanings import TARGETS
from foreign_apps import apps, followed, sample
from rendering import files_of

APPS = {one["name"]: one for one in (sample(), *apps(Path("/sources"))["slipway_apps"])}
REFUSED = {
    ("harbour", "kubernetes"): ["database", "redis"],
    ("flaskr", "swarm"): ["shared_folders"],
    ("ihatemoney", "kubernetes"): ["database"],
    ("tasks", "kubernetes"): ["redis"],
    ("queues", "kubernetes"): ["redis"],
    ("notes", "compose"): ["database"],
    ("notes", "swarm"): ["database"],
    ("notes", "kubernetes"): ["database"],
    ("wiki", "swarm"): ["shared_folders"],
}
"""Keys that a target can't do as the app has them; where nothing stands, the description is taken as it is."""


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", APPS)
def test_an_app_is_taken_as_it_is_or_after_what_its_refusals_say(name: str, target: str, tmp_path: Path) -> None:
    app = APPS[name]
    found = refusals.problems(description.normalise(app), target)
    keys = [text.split("'")[3] for text in found]
    assert keys == REFUSED.get((name, target), []), found
    changed = followed(app, found)
    assert refusals.problems(description.normalise(changed), target) == []
    assert description.problems([changed]) == []
    files = files_of(target, tmp_path, changed)
    told = {path: file.text for path, file in files.items() if not file.is_secret}
    for process in (*changed.get("processes", {}), "web"):
        assert any(process in Path(path).stem or f"  {process}:" in text for path, text in told.items()), process
    values = [*changed.get("secrets", {}).values(), *changed.get("files", {}).values()]
    assert not [path for path, text in told.items() for value in values if str(value) in text]
