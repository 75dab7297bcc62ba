"""A scheduler that must not run twice: one that finds another one writes that down, for good, and ends."""

import fcntl
import os
import signal
import sys
import time
from pathlib import Path

FOLDER = Path(os.environ["STATE_DIRECTORY"])
guard = (FOLDER / "tick.lock").open("w")
try:
    fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    (FOLDER / "two at once").touch()
    sys.exit("there is another one")
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True:
    (FOLDER / "ticks").touch()
    time.sleep(0.2)
