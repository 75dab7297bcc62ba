# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. Which files of a source can matter to a build, and a copy of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._python import lists as lists
from ansible_collections.slipway.flask.plugins.module_utils._python import named as named

# Never part of a package, and often written to while the project runs.
IGNORED_ANYWHERE = frozenset(
    {".git", ".hg", ".svn", ".tox", ".nox", ".venv", "node_modules", "__pycache__"}
    | {".mypy_cache", ".pytest_cache", ".ruff_cache"}
)
IGNORED_AT_THE_TOP = frozenset({"build", "dist", "env", "instance", "venv"})


def tree_files(folder: Path, without: Path | None = None) -> list[Path]:
    """Return the files below `folder` that can matter to a build, sorted.

    Left out: caches, version control, the folder `without`, virtual environments with links to them, and links to folders by
    an absolute path: those are shared folders of a release, whose data no build may depend on or could see.
    """
    found: list[Path] = []
    for top, folders, names in os.walk(folder):
        ignored = IGNORED_ANYWHERE | (IGNORED_AT_THE_TOP if Path(top) == folder else set())
        folders[:] = sorted(
            name
            for name in folders
            if name not in ignored
            and not name.endswith(".egg-info")
            and Path(top) / name != without
            and not (Path(top) / name / "pyvenv.cfg").exists()
        )
        links = [
            name
            for name in folders
            if (Path(top) / name).is_symlink() and not os.readlink(f"{top}/{name}").startswith("/")
        ]
        found += [Path(top) / name for name in sorted(names + links) if not name.endswith((".pyc", ".pyo"))]
    return found


def contents(folder: Path, project: Path, without: Path | None = None) -> list[Path]:
    """Return what `tree_files` names, and what links to other folders of the project lead to, each folder once."""
    found: list[Path] = []
    seen = {folder.resolve()}
    waiting = [folder]
    while waiting:
        files = tree_files(waiting.pop(), without)
        found += files
        for path in files:
            led = path.resolve() if path.is_symlink() and path.is_dir() else None
            if led and led not in seen and led.is_relative_to(project) and not folder.is_relative_to(led):
                seen.add(led)
                waiting.append(led)
    return found


def copy_tree(folder: Path, to: Path, without: Path | None = None, hidden: Collection[Path] = ()) -> None:
    """Copy what `tree_files` names but HIDDEN, so that build tools, which write beside setup.py, do so in the copy."""
    to.mkdir(parents=True, exist_ok=True)
    for path in (path for path in tree_files(folder, without) if path not in hidden):
        copy = to / path.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy, follow_symlinks=False)


def source_layout(project: Path) -> bool:
    """Return whether the project keeps its packages in src/, where they can't be imported from unless installed."""
    inside = project / "src"
    packaged = any((project / name).is_file() for name in ("pyproject.toml", "setup.py"))
    return packaged and any((folder / "__init__.py").is_file() for folder in inside.glob("*/"))
