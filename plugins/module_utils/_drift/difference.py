# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""One thing that is not as Slipway has made it. PRIVATE to the collection. It can have breaking changes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """WHAT differs, a path or a unit, and how in a few words; BEFORE and AFTER are the host's text and the wanted one, for a diff.

    No text has a secret.
    """

    what: str
    words: str
    before: str = ""
    after: str = ""
