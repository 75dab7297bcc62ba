# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A bound on the processor time that something takes, which no other program on the machine counts towards."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SECONDS = 30.0


@contextmanager
def bounded(seconds: float = SECONDS) -> Iterator[None]:
    """Fail when what is inside takes more than so many SECONDS of the processor."""

    def over(*_: Any) -> None:
        raise AssertionError(f"it took more than {seconds:.0f} s of the processor")

    before = signal.signal(signal.SIGVTALRM, over)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
