# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""`{release_folder}` in settings: a path that can only be meant otherwise is refused with the right one."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app import placeholders

WRONG: list[dict[str, Any]] = [
    {"environment": {"CONFIG": "{release_folder}/config.py"}},
    {"environment": {"CONFIG": "sqlite:////{release_folder}/config.py?x=1"}},
    {"secrets": {"CONFIG": "hunter2:{release_folder}/config.py"}},
    {"files": {"config.py": "", "gunicorn.ini": "a = '{release_folder}/config.py'"}},
    {"environment": {"DATA": "{release_folder}/instance/app.db"}, "shared_folders": ["instance"]},
]
RIGHT: list[dict[str, Any]] = [
    {"environment": {"CONFIG": "{release_folder}/src/config.py"}},
    {"environment": {"CONFIG": "{release_folder}/config.py.bak", "N": 5, "ON": True}},
    {"environment": {"PYTHON": "{release_folder}/venv/bin/python", "HERE": "{release_folder}"}},
    {"environment": {"CONFIG": "/etc/config.py"}},
]


@pytest.mark.parametrize("settings", WRONG)
def test_a_file_that_is_looked_for_beside_the_code_is_refused_with_its_place(settings: dict[str, Any]) -> None:
    (problem,) = placeholders.problems({"files": {"config.py": "A = 1"}, **settings})
    assert "write {release_folder}/src/" in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize("settings", RIGHT)
def test_other_uses_are_taken(settings: dict[str, Any]) -> None:
    assert placeholders.problems({"files": {"config.py": "A = 1"}, **settings}) == []
