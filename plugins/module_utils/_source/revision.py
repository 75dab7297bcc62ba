# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How a release's revision is written.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re

WHOLE = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
"""A commit by its whole name, SHA-1 or SHA-256 (gitformat-hash), or the SHA-256 of a file's contents."""


def short(revision: str) -> str:
    """Return a REVISION as people write it: the start of a commit or of a checksum, the whole of a version."""
    return revision[:7] if WHOLE.fullmatch(revision) else revision
