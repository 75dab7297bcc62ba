# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Folders and repositories to deploy from, for the tests of sources."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[..., Path]
GIT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
ANN = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]


@pytest.fixture(autouse=True)
def plain_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests (a hook's GIT_DIR, an ignore file) out of them."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name, value in GIT.items():
        monkeypatch.setenv(name, value)


def write_files(root: Path, contents: dict[str, str] | None = None) -> Path:
    """Write files (path -> text) below ROOT and return it."""
    usual = {"app.py": "app = 1\n", "requirements.txt": "flask\n"}
    for name, text in (usual if contents is None else contents).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes files into the app's folder and returns it."""
    return lambda contents=None, folder="app": write_files(tmp_path / folder, contents)


def git(folder: Path, *arguments: str) -> str:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | GIT
    command = ["git", *ANN, "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=plain).stdout.strip()


def commit(folder: Path) -> str:
    """Commit all of FOLDER, a repository from now on, and return the commit."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message=x")
    return git(folder, "rev-parse", "HEAD")
