# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Versions of uv side by side behind one link; fetching itself is proved by the role's Molecule scenario."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._python import uv as tools
from ansible_collections.slipway.flask.plugins.module_utils._python import uv_install as uv


def provide(base: Path, version: str) -> None:
    """Put a uv of `version` where a fetch would."""
    file = base / f"uv-{version}/bin/uv"
    file.parent.mkdir(parents=True)
    file.write_text("")
    file.chmod(0o755)


@pytest.fixture
def link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the stable path below an empty folder; a fetch there succeeds at once."""
    monkeypatch.setattr(uv, "fetch", lambda version, hashes, folder, index: provide(tmp_path, version))
    return tmp_path / "bin/uv"


def test_install_then_upgrade(link: Path) -> None:
    first = uv.install("1.0", [], link, tools.Index())
    assert (first.changed, first.before, uv.current(link)) == (True, "", "1.0")
    assert not uv.install("1.0", [], link, tools.Index()).changed
    second = uv.install("1.1", [], link, tools.Index())
    assert (second.changed, second.before, uv.current(link)) == (True, "1.0", "1.1")
    assert sorted(path.name for path in link.parents[1].iterdir()) == ["bin", "uv-1.1"]


def test_check_mode_changes_nothing(link: Path) -> None:
    assert uv.install("1.0", [], link, tools.Index(), check=True).changed
    assert not link.parent.exists()


def test_a_link_to_something_else_is_no_version_of_ours(link: Path) -> None:
    link.parent.mkdir()
    link.symlink_to("/bin/true")
    assert uv.current(link) == ""


def test_without_pips_wheel_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uv, "WHEELS", tmp_path)
    with pytest.raises(tools.EnvironmentError_, match="install python3-pip-whl"):
        uv.install("1.0", [], tmp_path / "bin/uv", tools.Index())
    assert list(tmp_path.iterdir()) == []
