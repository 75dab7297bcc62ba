# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Why a part of the tests failed, in few lines: of a long output, the end is what is read."""

from __future__ import annotations

import re

from testrun.parts import Part

LINES = 12
STOPPED = "stopped: took longer than"
TAIL_LINES, HUNG_LINES = 60, 300
FAILURE = re.compile(r"\s*(E  |FAILED |ERROR |fatal: |\[ERROR\]|stopped: )")


def tail(part: Part) -> list[str]:
    """Return the end of a part's log; of a part that was stopped, what it said before and where it hung."""
    said = part.log.read_text(errors="replace").splitlines()
    hung = next((number for number, line in enumerate(said) if line.startswith(STOPPED)), None)
    return said[-TAIL_LINES:] if hung is None else said[max(0, hung - TAIL_LINES) : hung + HUNG_LINES]


def why(part: Part) -> str:
    """Return the part's name, and the last lines of its log that say which test failed and what was wrong."""
    said = part.log.read_text(errors="replace").splitlines() if part.log.exists() else []
    failures = [line.strip()[:300] for line in said if FAILURE.match(line)]
    return "\n    ".join([f"{part.result} {part.name}", *failures[-LINES:]])
