# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The programs that judge migrations, by the name that a dialect has for its own (`linter` of _database/base.py).

Beside the dialects, not in them: who only asks a database whether it answers is not sent how a linter is installed.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._database import squawk
from ansible_collections.slipway.flask.plugins.module_utils._python.uv import Uv

LINTERS = {"squawk": squawk}


def ensure(name: str, uv: Uv) -> Path:
    """Return the path of the linter NAME, which UV installs if it is not there. Raises EnvironmentError_."""
    found: Path = LINTERS[name].ensure(uv)
    return found
