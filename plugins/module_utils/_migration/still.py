# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How an app that must be one process is imported beside the one that serves: what it starts in threads does not begin.

`SCRIPT` goes before the one that imports the app, under the app's own Python (3.9 or later). Threads wait for LATER_SECONDS,
by which time the import is over as a rule, and the process with it: a scheduler's first job never runs. Not to start
them at all would hang an app that waits for one of them; so it is only late.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

LATER_SECONDS = 20

SCRIPT = rf"""
import threading, time

_began, _start, _later = time.monotonic(), threading.Thread.start, {LATER_SECONDS}


def _start_late(thread):
    run = thread.run

    def late():
        time.sleep(max(0, _began + _later - time.monotonic()))
        run()

    thread.run = late
    _start(thread)


threading.Thread.start = _start_late
"""
