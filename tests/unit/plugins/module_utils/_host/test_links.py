# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A link that is turned is never away."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import links


def test_a_link_is_turned_without_ever_being_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = tmp_path / "current"
    link.symlink_to("releases/1")
    (tmp_path / ".current.new").symlink_to("left by a run that was killed")
    seen = []
    rename = Path.replace

    def watch(path: Path, target: Path) -> Path:
        seen.append(os.readlink(target))
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", watch)
    links.replace_link(link, "releases/2")
    assert seen == ["releases/1"]
    assert os.readlink(link) == "releases/2"
    assert [path.name for path in tmp_path.iterdir()] == ["current"]


def test_a_first_link_is_made(tmp_path: Path) -> None:
    links.replace_link(tmp_path / "current", "releases/1")
    assert os.readlink(tmp_path / "current") == "releases/1"
