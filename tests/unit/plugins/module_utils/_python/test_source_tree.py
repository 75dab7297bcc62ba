# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What of a source can matter to a build, and what is copied of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._python import source_tree
from source_folders import write_files as make


def test_shared_folders_of_a_release_are_no_content_and_links_inside_the_project_are(tmp_path: Path) -> None:
    """A build does not see what they lead to: hatchling stops at a link to a folder that is not there."""
    make(tmp_path, {"src/shop/__init__.py": "", "src/assets/site.css": "", "shared/uploads/cat.png": ""})
    (tmp_path / "src/shop/uploads").symlink_to(tmp_path / "shared/uploads")
    (tmp_path / "src/shop/static").symlink_to("../assets")
    found = {str(path.relative_to(tmp_path / "src")) for path in source_tree.tree_files(tmp_path / "src")}
    assert found == {"shop/__init__.py", "shop/static", "assets/site.css"}
    source_tree.copy_tree(tmp_path / "src", tmp_path / "copy")
    assert (tmp_path / "copy/shop/static/site.css").is_file()
    assert not (tmp_path / "copy/shop/uploads").is_symlink()


def test_caches_are_no_content(tmp_path: Path) -> None:
    kept = {"setup.py", "app/static/dist/app.js", "app/build/x.py"}
    make(tmp_path, dict.fromkeys(kept, ""))
    make(
        tmp_path, dict.fromkeys([".git/HEAD", "build/x.py", "app/__pycache__/x.pyc", "instance/db", "a.egg-info/x"], "")
    )
    assert {str(path.relative_to(tmp_path)) for path in source_tree.tree_files(tmp_path)} == kept
    make(tmp_path, {"py/pyvenv.cfg": "", "envs/x": ""})
    (tmp_path / "current").symlink_to("py")
    assert len(source_tree.tree_files(tmp_path, tmp_path / "envs")) == len(kept)
    source_tree.copy_tree(tmp_path, tmp_path / "copy")
    assert (tmp_path / "copy/app/static/dist/app.js").is_file()
    assert not (tmp_path / "copy/.git").exists()


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"pyproject.toml": "", "src/app/__init__.py": ""}, True),
        ({"pyproject.toml": "", "app/__init__.py": ""}, False),
        ({"src/app/__init__.py": ""}, False),
        ({"pyproject.toml": "", "src/app.js": ""}, False),
    ],
)
def test_source_layout(tmp_path: Path, files: dict[str, str], found: bool) -> None:
    assert source_tree.source_layout(make(tmp_path, files)) is found
