# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A version that stands in git's tags only is told to the build of a source that comes without them."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._python import scm as scm

NAMED = '[project]\nname = "my-Shop.x"\n'


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"pyproject.toml": NAMED + 'requires = ["setuptools-scm"]'}, {"SETUPTOOLS_SCM_PRETEND_VERSION_FOR_MY_SHOP_X": "1.5"}),
        ({"setup.py": "setup(use_scm_version=True, setup_requires=['setuptools_scm'])"},
         {"SETUPTOOLS_SCM_PRETEND_VERSION": "1.5"}),
        ({"setup.py": "setup(\n    name='shop',\n    setup_requires=['setuptools_scm'])"},
         {"SETUPTOOLS_SCM_PRETEND_VERSION_FOR_SHOP": "1.5"}),
        ({"pyproject.toml": NAMED + 'requires = ["hatch-vcs"]'}, {"SETUPTOOLS_SCM_PRETEND_VERSION": "1.5"}),
        ({"pyproject.toml": NAMED + 'version = { source = "scm" }'}, {"PDM_BUILD_SCM_VERSION": "1.5"}),
        ({"setup.cfg": "name = shop", "setup.py": "setup(setup_requires=['pbr'], pbr=True)"}, {"PBR_VERSION": "1.5"}),
        ({"pyproject.toml": NAMED + 'requires = ["poetry-dynamic-versioning"]'}, {"POETRY_DYNAMIC_VERSIONING_BYPASS": "1.5"}),
        ({"pyproject.toml": NAMED + 'requires = ["uv-dynamic-versioning"]'}, {"UV_DYNAMIC_VERSIONING_BYPASS": "1.5"}),
        ({"pyproject.toml": NAMED + 'version = "2"'}, {}),
        ({"pyproject.toml": NAMED + 'requires = ["setuptools-scm"]', "PKG-INFO": "Version: 2"}, {}),
        ({"pyproject.toml": NAMED + 'requires = ["setuptools-scm"]', ".git_archival.txt": "describe-name: v2"}, {}),
        ({"pyproject.toml": NAMED + 'requires = ["hatch-vcs"]', ".git_archival.txt": "describe-name: $Format:x$"},
         {"SETUPTOOLS_SCM_PRETEND_VERSION": "1.5"}),
        ({}, {}),
    ],
)  # fmt: skip
def test_a_build_that_would_ask_git_is_told(tmp_path: Path, files: dict[str, str], told: dict[str, str]) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert scm.variables([tmp_path], "1.5", {"OTHER": "x"}) == told


def test_what_the_app_s_environment_says_goes_before(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(NAMED + 'requires = ["hatch-vcs"]')
    given = {"SETUPTOOLS_SCM_PRETEND_VERSION": "9", "SECRET_KEY": "x"}
    assert scm.variables([tmp_path], "1.5", given) == {"SETUPTOOLS_SCM_PRETEND_VERSION": "9"}


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("v1.2.3", "1.2.3"),
        ("refs/tags/V2.0rc1", "2.0rc1"),
        ("2026.11", "2026.11"),
        ("main", "0.0.0+gabcdef012345"),
        ("shop-1.2", "0.0.0+gabcdef012345"),
        ("1234567", "0.0.0+gabcdef012345"),  # a commit
        ("", "0.0.0+gabcdef012345"),
    ],
)
def test_a_tag_is_a_version_and_anything_else_is_named_by_its_commit(name: str, version: str) -> None:
    assert scm.of_revision(name, "abcdef0123456789") == version
