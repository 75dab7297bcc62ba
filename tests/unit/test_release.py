# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What `bin/release` makes of the version and the changelog."""

from __future__ import annotations

import importlib.util
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- Pipelines.\n\n## [0.1.0] - 2026-01-02\n\n- The first.\n"


@pytest.fixture(scope="module")
def release() -> ModuleType:
    loader = SourceFileLoader("release", str(ROOT / "bin/release"))
    spec = importlib.util.spec_from_loader("release", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "galaxy.yml").write_text("---\nnamespace: slipway\nversion: 0.1.0\nreadme: README.md\n")
    (tmp_path / "docs/ci").mkdir(parents=True)
    (tmp_path / "docs/ci/gitlab.yml").write_text("variables:\n  SLIPWAY_VERSION: v0.1.0 # yours\n")
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    return tmp_path


def test_a_version_is_cut_and_told(release: ModuleType, root: Path) -> None:
    release.main(["cut", "0.2.0"], root)
    assert release.main(["check", "0.2.0"], root) == "0.2.0 is in galaxy.yml and CHANGELOG.md"
    assert release.main(["notes", "0.2.0"], root) == "### Added\n\n- Pipelines."
    assert release.main(["notes", "0.1.0"], root) == "- The first."
    text = (root / "CHANGELOG.md").read_text()
    assert text.index("## [Unreleased]") < text.index("## [0.2.0] - 20") < text.index("### Added")
    assert "namespace: slipway\nversion: 0.2.0\nreadme" in (root / "galaxy.yml").read_text()
    assert (root / "docs/ci/gitlab.yml").read_text() == "variables:\n  SLIPWAY_VERSION: v0.2.0 # yours\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "usage"),
        (["cut", "two"], "'two' is not a version"),
        (["cut", "0.1.0"], "has 0.1.0 already"),
        (["notes", "0.3.0"], "no part for 0.3.0"),
        (["check", "0.3.0"], "no part for 0.3.0"),
    ],
)
def test_what_can_not_be_is_refused(release: ModuleType, root: Path, words: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        release.main(words, root)
    assert (root / "CHANGELOG.md").read_text() == CHANGELOG


def test_nothing_unreleased_is_no_release(release: ModuleType, root: Path) -> None:
    release.main(["cut", "0.2.0"], root)
    with pytest.raises(ValueError, match="nothing to release"):
        release.main(["cut", "0.3.0"], root)
