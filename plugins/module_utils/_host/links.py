# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Links that are turned in one step.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
from pathlib import Path


def replace_link(link: Path, target: str) -> None:
    """Point LINK at TARGET in one atomic step (rename(2)), and have it on disk."""
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)
    handle = os.open(link.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
