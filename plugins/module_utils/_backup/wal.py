# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Whether archived WAL is whole: each segment follows the one before.

Where a target can't be reached for long, pgBackRest drops WAL rather than let it fill the disk (archive-push-queue-max), and
tells only the server's log. What is left of it is a gap in the archive, behind which nothing can be brought back until
there is a new backup.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

NAME = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(?=-|$)")
"""Timeline, log and segment (manual 28.6, "WAL Internals"); a repository has its checksum behind it."""
PER_LOG = 0x100
"""Segments of 16 MB in a log of 4 GB: what Debian's clusters have."""


def following(segment: str) -> str:
    """Return the name of the segment after SEGMENT, on the same timeline."""
    log, number = int(segment[8:16], 16), int(segment[16:24], 16) + 1
    return f"{segment[:8]}{log + number // PER_LOG:08X}{number % PER_LOG:08X}"


def gap(names: Iterable[str], since: str) -> str:
    """Return the first segment that is missing among NAMES from the segment SINCE on, "" when none is.

    A new timeline begins wherever the server was restored to: only segments of one timeline are compared.
    """
    found = sorted({match[0] for name in names if (match := NAME.match(name)) and match[0] >= since})
    for before, after in zip(found, found[1:], strict=False):
        if before[:8] == after[:8] and following(before) != after:
            return following(before)
    return ""
