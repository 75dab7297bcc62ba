# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the tests of the checkout itself share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from warm_ansible import ansible_playbook

__all__ = ["ansible_playbook"]
yaml.SafeLoader = yaml.CSafeLoader  # a role's description is read in a tenth of the time
ROOT = Path(__file__).resolve().parents[2]
COMPILED = ROOT / ".slipway/pycache"
if (
    sys.dont_write_bytecode
):  # PYTHONDONTWRITEBYTECODE: each process that is started would compile Ansible and these tests again
    sys.dont_write_bytecode, sys.pycache_prefix = False, str(COMPILED)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(COMPILED)


@pytest.fixture(scope="session", autouse=True)
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Forget in the end what was compiled of files that tests have written."""
    yield
    shutil.rmtree(COMPILED / str(tmp_path_factory.getbasetemp()).lstrip("/"), ignore_errors=True)


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
