# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app that must be one process does not begin its work while it is only looked at."""

from __future__ import annotations

import subprocess
import sys
import time

from ansible_collections.slipway.flask.plugins.module_utils._migration import still

SCHEDULER = """
import os, threading

threading.Thread(target=lambda: print("a job ran", flush=True), daemon=True).start()
print("imported", flush=True)
os._exit(0)
"""
WAITS = """
import concurrent.futures

with concurrent.futures.ThreadPoolExecutor() as pool:
    print(sum(pool.map(abs, [-1, -2])))
"""


def run(code: str, later: float = still.LATER_SECONDS) -> str:
    script = still.SCRIPT.replace(f"threading.Thread.start, {still.LATER_SECONDS}", f"threading.Thread.start, {later}")
    return subprocess.run([sys.executable, "-c", script + code], capture_output=True, text=True, check=True).stdout


def test_a_scheduler_in_a_thread_does_not_begin() -> None:
    assert run(SCHEDULER) == "imported\n"


def test_an_import_that_waits_for_its_threads_is_only_late() -> None:
    began = time.monotonic()
    assert run(WAITS, later=0.5) == "3\n"
    assert time.monotonic() - began >= 0.5
