# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Something that is done again and again beside what takes long, so that whoever waits knows that it goes on.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def every(seconds: float, tell: Callable[[], None]) -> Iterator[None]:
    """Call TELL each time that the block has taken SECONDS more; not any more when the block is over."""
    over = threading.Event()

    def again() -> None:
        while not over.wait(seconds):
            tell()

    thread = threading.Thread(target=again, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
