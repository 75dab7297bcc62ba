# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of the packages: what goes to the host for environments that are built meanwhile."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible_collections.slipway.flask.plugins.action import packages

SECRETS = {"expected_environment": "SECRET_KEY=hunter2\n", "files": {"settings.py": "hunter2"}}


class Action(packages.ActionModule):
    def __init__(self, check_mode: bool = False, **arguments: Any) -> None:
        task = MagicMock(args=arguments, async_val=0, check_mode=check_mode, diff=False)
        super().__init__(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
        self.text = ""

    def _execute_module(self, name: str, arguments: dict[str, Any], **_: Any) -> dict[str, Any]:
        assert name == "slipway.flask.packages_on_host"
        self.text = arguments["task"]
        return {"changed": True, "installed": ["nginx"]}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/requirements.txt").write_text("flask==3.1 --hash=sha256:00\n")
    return tmp_path / "shop"


def sent(app: dict[str, Any], **task: Any) -> list[dict[str, Any]]:
    """Return the environments that the host is told of."""
    action = Action(name=["nginx"], environments=[{"name": "shop", "wsgi": "shop:app", **app}], **task)
    assert action.run(task_vars={"inventory_hostname": "host", "inventory_dir": "/"})["installed"] == ["nginx"]
    assert "hunter2" not in action.text
    found: list[dict[str, Any]] = json.loads(action.text).get("environments", [])
    return found


def test_the_source_goes_along_with_what_decides_about_the_environment_and_with_no_secret(source: Path) -> None:
    (told,) = sent({"path": str(source), "packages": {"needed": ["gunicorn"], "database": "auto"}, **SECRETS})
    assert b"requirements.txt" in gzip.decompress(base64.b64decode(told.pop("source")))
    assert told == {"app": "shop", "root": "/srv/shop", "needed": ["gunicorn"], "database": "auto"}


@pytest.mark.parametrize(
    "more",
    [
        {"path": None, "git": "https://git.example.org/shop.git"},
        {"subfolder": "web"},
        {"packages": {"extra_packages": ["sentry-sdk"]}},
        {"packages": {"overrides": ["flask==3.0"]}},
        {"path": "/nowhere"},
        {"wsgi": ""},
    ],
)
def test_what_would_not_come_to_the_same_or_is_wrong_is_left_to_the_release(source: Path, more: dict[str, Any]) -> None:
    assert sent({"path": str(source), **more}) == []


def test_nothing_goes_along_in_check_mode(source: Path) -> None:
    assert sent({"path": str(source)}, check_mode=True) == []
