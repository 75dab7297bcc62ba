# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A program of the host's with the files that a role writes for it, on a Python without Ansible."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def help_of(program: str, entries: Iterable[Mapping[str, Any]], root: Path) -> str:
    """Write ENTRIES below ROOT, each folder before what is in it, and return what the module PROGRAM says to --help."""
    library = root / "usr/local/lib"
    library.mkdir(parents=True)
    seen = {str(library)}
    for entry in entries:
        path = root / entry["dest"].lstrip("/")
        assert str(path.parent) in seen
        seen.add(str(path))
        path.mkdir() if entry.get("state") == "directory" else path.write_text(entry["content"])
    code = (
        f"import sys; sys.path.insert(0, {str(library / 'slipway')!r})\n"
        f"from ansible_collections.slipway.flask.plugins.module_utils.{program} import main\nmain(['--help'])"
    )
    done = subprocess.run([sys.executable, "-IS", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
