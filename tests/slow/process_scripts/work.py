"""A worker that is always at something and finishes it when it is told to end."""

import os
import signal
import time
from pathlib import Path

told: list[int] = []
signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
done = Path(os.environ["STATE_DIRECTORY"]) / f"done by {os.environ['PROCESS_NAME']}"
while not told:
    for _ in range(10):
        time.sleep(0.2)
    done.touch()
