# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Runs restic and ends it when it hangs.

One of several uploads at once that fails for good (a full disk, for example) can leave restic 0.18 waiting for itself forever,
about once in seven times. It has said by then what failed: such a run is over soon, or never.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, cast

from ansible_collections.slipway.flask.plugins.module_utils._backup import outside
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.outside import PATH, Rights

FAILED = re.compile(r"^Save\((?!<lock/).*\) failed: ")
"""A file can't be written, and restic won't try again: nothing it does ends well then, unless it renews its lock."""
GRACE_SECONDS = 30.0
"""How long restic may take to its end after that."""
STALL_SECONDS = 3600.0
"""How long a backup may get no further: restic itself gives up a file after 15 minutes, and some wait for others."""
STATUS = '{"message_type":"status"'
CLOCK = ("seconds_elapsed", "seconds_remaining", "current_files")
"""What a line of progress has that says nothing about progress."""


class _Watch:
    """What a process says, and since when it gets nowhere."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.stdout, self.stderr = list[str](), list[str]()
        self.moved, self.failed = time.monotonic(), 0.0
        self._last = ""
        self._threads = [
            threading.Thread(target=read, args=(stream,), daemon=True)
            for read, stream in ((self._progress, process.stdout), (self._errors, process.stderr))
        ]
        for thread in self._threads:
            thread.start()

    def _progress(self, stream: IO[str]) -> None:
        for line in stream:
            said = progress(line)
            if said and said == self._last:
                continue  # kept once: a long backup says it every ten seconds
            self._last, self.moved = said, time.monotonic()
            self.stdout.append(line)

    def _errors(self, stream: IO[str]) -> None:
        for line in stream:
            self.stderr.append(line)
            if not self.failed and FAILED.match(line):
                self.failed = time.monotonic()

    def hangs(self, grace: float, stall: float | None) -> str:
        """Return why the process is to be ended, "" when it isn't."""
        now = time.monotonic()
        if self.failed and now - self.failed > grace:
            return "it could not write, and did not end"
        if stall and now - self.moved > stall:
            return f"it made no progress for {stall / 60:.0f} minutes"
        return ""

    def rest(self) -> None:
        """Read what is left."""
        for thread in self._threads:
            thread.join()


def progress(line: str) -> str:
    """Return how far a LINE of restic's JSON says it is, "" for a line that is about something else."""
    if not line.startswith(STATUS):
        return ""
    try:
        found = json.loads(line)
    except ValueError:
        return ""
    return json.dumps({key: value for key, value in found.items() if key not in CLOCK})


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    stall: float | None = None,
    grace: float = GRACE_SECONDS,
    rights: Rights | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a COMMAND of restic's with a clean ENVIRONMENT; the caller looks at how it ended.

    :param stall: seconds after which it is ended when it says nothing new in that time; None for one that says nothing.
    :param grace: seconds after which it is ended when it could not write; its answer says what failed.
    :param rights: those that it has outside, where this has no network; None for one that needs no network.
    :raises BackupError: when restic isn't installed or can't be run, or got no further.
    """
    own, unit = {"LC_ALL": "C.UTF-8", **environment}, None
    try:
        if rights and outside.service():
            unit = outside.Unit(command, own, rights)
            command, own = unit.argv, {}
        process = subprocess.Popen(
            list(command), text=True, errors="replace", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, cwd="/", env={"PATH": PATH, **own},
        )  # fmt: skip
    except FileNotFoundError:
        raise BackupError("restic is not installed on this host: run site.yml") from None
    except OSError as error:
        raise BackupError(f"restic can't be run: {error.strerror}") from None
    with process:
        watch, why = _Watch(process), ""
        try:
            with cast(IO[str], process.stdin) as given, suppress(BrokenPipeError):
                given.write(unit.head if unit else "")
            while not why:
                try:
                    process.wait(timeout=0.2)
                    break
                except subprocess.TimeoutExpired:
                    why = watch.hangs(grace, stall)
        finally:
            if unit and process.returncode is None:
                unit.end()
            process.kill()
        watch.rest()
    if why and not watch.failed:
        said = "".join(watch.stderr).strip().splitlines()
        raise BackupError(f"restic was stopped: {why}" + (f"; it said: {said[-1][:300]}" if said else ""))
    return subprocess.CompletedProcess(list(command), process.returncode, "".join(watch.stdout), "".join(watch.stderr))
