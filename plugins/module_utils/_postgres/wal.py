# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Positions in the write-ahead log (WAL), and which transactions a server has committed after one of them.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import SUPERUSER, Cluster, as_user

POSITION = re.compile(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})")
COMMIT = re.compile(
    r"lsn: (?P<lsn>[0-9A-F]+/[0-9A-F]+),.*desc: COMMIT(?:_PREPARED)? .*?(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)"
)
"""A commit, as pg_waldump prints it: `rmgr: Transaction len … lsn: 0/030001C8, prev …, desc: COMMIT 2026-11-27 05:12:03.1 UTC`."""
END = ("invalid record length", "invalid magic number", "unexpected pageaddr", "incorrect prev-link", "invalid resource manager",
       "there is no contrecord flag", "incorrect resource manager data checksum")  # fmt: skip
"""How pg_waldump says that the log ends: what follows is a segment's former content."""
SECONDS = 120


@dataclass(frozen=True)
class Commits:
    """How many transactions were committed after a position, and when the last was (UTC, "" for none)."""

    number: int
    last: str = ""


def number(position: str) -> int:
    """Return a POSITION such as 0/30001C8 as a number of bytes. Raises ValueError if it is none."""
    found = POSITION.fullmatch(position.strip())
    if not found:
        raise ValueError(f"'{position}' is no position in the write-ahead log")
    return (int(found[1], 16) << 32) + int(found[2], 16)


def text(position: int) -> str:
    """Return a number of bytes as PostgreSQL writes a position."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def commits_in(lines: Iterable[str], position: int) -> Commits:
    """Return the commits at or after POSITION in what pg_waldump has printed."""
    count, last = 0, ""
    for line in lines:
        found = COMMIT.search(line)
        if found and number(found["lsn"]) >= position:
            count, last = count + 1, found["at"]
    return Commits(count, last)


def commits_after(cluster: Cluster, data: Path, timeline: int, position: int) -> Commits | None:
    """Return what CLUSTER committed at or after POSITION of TIMELINE, by its log; None if that can't be told.

    It can't when the log of that time is gone, or is damaged before its end. The server may run.
    """
    command = [
        str(cluster.programs / "pg_waldump"), f"--path={data / 'pg_wal'}", f"--timeline={timeline}", f"--start={text(position)}",
        "--rmgr=Transaction",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False, cwd="/", timeout=SECONDS,
            env=environment(), **as_user(SUPERUSER),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer(done.returncode, done.stdout, done.stderr, position)


def answer(code: int, printed: str, said: str, position: int) -> Commits | None:
    """Return the commits that pg_waldump has PRINTED, None if what it SAID is not that the log ends there."""
    if code and not any(end in said for end in END):
        # Nothing was ever written there: the position is the end of the log.
        return Commits(0) if "could not find a valid record after" in said else None
    return commits_in(printed.splitlines(), position)


def environment() -> Mapping[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
