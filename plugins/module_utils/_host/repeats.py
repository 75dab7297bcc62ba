# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A log that says the same again and again, such as one traceback per request: told once.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

VARIES = re.compile(r"[0-9a-fA-F]+")
"""What differs between two reports of the same: a time, a process, an address, an ID."""


def once(lines: Sequence[str]) -> tuple[list[str], int]:
    """Return LINES without what their end only repeats, and how many of them, at the end, had been repeated."""
    alike = [VARIES.sub("0", line) for line in lines]
    for length in range(1, len(alike) // 2 + 1):
        begin = len(alike) - length
        while begin >= length and alike[begin - length : begin] == alike[-length:]:
            begin -= length
        if begin + length < len(alike):
            return [*lines[:begin], *lines[len(alike) - length :]], length
    return list(lines), 0
