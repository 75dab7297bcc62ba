# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the tests of the checkout itself share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from warm_ansible import ansible_playbook

__all__ = ["ansible_playbook"]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def run() -> Callable[..., str]:
    """Run a command of this Python's environment (argv; `cwd`, `env`) and return its output; fail when it fails."""

    def run_command(*argv: str, cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            argv, cwd=cwd, env={**os.environ, "PATH": path, **(env or {})}, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(argv)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run_command
