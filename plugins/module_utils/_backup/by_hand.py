# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A run that a person asks for: in a unit of its own as the timer's, with its lines as they come.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

from ansible_collections.slipway.flask.plugins.module_utils._backup import places

UNIT = (
    "systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--property=Nice=10", "--property=IOSchedulingClass=idle",
    "--property=CPUWeight=20", "--property=IOWeight=20",
)  # fmt: skip
"""As the timer's service runs it; it goes on when the connection is lost."""


def run(full: bool, say: Callable[[str], None]) -> tuple[int, list[str]]:
    """Make a restore point, and a FULL backup if that is wanted. Return its exit status and its lines; SAY gets each in time."""
    command = [*UNIT, str(places.PROGRAM), "run", *["--full"] * full]
    began, said = time.monotonic(), list[str]()
    with subprocess.Popen(
        command, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        for line in process.stdout or ():
            said.append(line.strip())
            say(f"{time.monotonic() - began:.0f} s: {line.strip()}")
    return process.returncode, said
