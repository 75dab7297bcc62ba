# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Stops the host's side of a run at a point of its code, to be killed there; and sets its clock back.

No stage waits for anybody, and some take milliseconds. So the run gets an interpreter that stops itself (SIGSTOP) when a
function of that name begins, with that argument `stage`: nothing in the collection knows of it.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence

from helpers import Host, Project, wait_for

FOLDER = "/opt/faults"
INTERPRETER = f"ansible_python_interpreter={FOLDER}/python"
STOPPED = f"{FOLDER}/stopped"
WRAPPER = f'#!/bin/sh\nPYTHONPATH={FOLDER} exec /usr/bin/python3 "$@"\n'
CUSTOMIZE = f"""
import os, signal, sys, time

os.environ.pop("PYTHONPATH", None)
point, argument, ago = open("{FOLDER}/point").read().split(",")

def watch(frame, event, _):
    if event == "call" and frame.f_code.co_name == point and frame.f_locals.get("stage", "") == argument:
        sys.setprofile(None)
        with open("{STOPPED}.new", "w") as file:
            file.write(str(os.getpid()))
        os.rename("{STOPPED}.new", "{STOPPED}")
        os.kill(os.getpid(), signal.SIGSTOP)

if point:
    sys.setprofile(watch)
if int(ago):
    clock, gmtime = time.time, time.gmtime
    time.time = lambda: clock() - int(ago)
    time.gmtime = lambda seconds=None: gmtime(time.time() if seconds is None else seconds)
"""


def install(host: Host, point: str = "", argument: str = "", ago: int = 0) -> None:
    """Make the interpreter that stops at POINT with ARGUMENT, and whose clock is AGO seconds back."""
    host.run(
        f"mkdir -p {FOLDER}; rm -f {STOPPED}; printf %s '{point},{argument},{ago}' >{FOLDER}/point;"
        f"cat >{FOLDER}/python <<'END'\n{WRAPPER}END\n"
        f"cat >{FOLDER}/sitecustomize.py <<'END'\n{CUSTOMIZE}END\n"
        f"chmod 755 {FOLDER}/python"
    )


def kill_at(project: Project, playbook: str, point: str, argument: str = "", more: Sequence[str] = ()) -> None:
    """Run PLAYBOOK, with MORE arguments, until its host's side stops at the point; then kill both sides of it."""
    host = project.host
    install(host, point, argument)
    controller = project.start(playbook, "-e", INTERPRETER, *more)
    try:
        wait_for(lambda: host.ok(f"test -e {STOPPED}") or ended(controller), seconds=180)
        assert host.ok(f"test -e {STOPPED}"), f"the run never came to {point} {argument}:\n{controller.stdout.read()}"  # type: ignore[union-attr]
    finally:
        if controller.poll() is None:
            os.killpg(controller.pid, signal.SIGKILL)
        controller.wait()
    host.run(f"kill -9 $(cat {STOPPED})")


def ended(process: subprocess.Popen[str]) -> bool:
    return process.poll() is not None
