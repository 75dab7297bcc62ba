# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How many jobs the command line of a queue's worker runs at once: each of them may hold a database connection.

After the command lines of Celery 5 (`--concurrency`, `--autoscale`, `--pool`), Dramatiq 1 and 2 (`--processes`, `--threads`),
Huey 2 (`--workers`) and RQ 1 and 2 (`rq worker`, `rq worker-pool --num-workers`), with their defaults.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from ansible_collections.slipway.flask.plugins.module_utils._app import command as app_command
from ansible_collections.slipway.flask.plugins.module_utils._app.command import CommandError

DRAMATIQ_THREADS = 8
THREADS = ("threads", "gevent", "eventlet")
"""Celery's pools whose jobs are in one process."""


def of(line: str, cores: int) -> tuple[int, int]:
    """Return in how many processes LINE runs jobs on a host with CORES, and how many at once in each of them.

    Threads of one process share its pools of connections, processes don't. Of a program that is not known: one, and one.
    """
    try:
        words = [word for word in app_command.split(line) if not re.match(r"[A-Za-z_]\w*=", word)]
    except CommandError:
        return 1, 1
    program = PurePath(words[0]).name if words else ""
    if program.startswith("python") and words[1:2] == ["-m"]:
        program, words = words[2] if len(words) > 2 else "", words[2:]
    if program == "celery" and "worker" in words:
        pool = text(words, "-P", "--pool")
        if pool == "solo":
            return 1, 1
        scale = text(words, "--autoscale").partition(",")[0]
        jobs = int(scale) if scale.isdigit() else number(words, cores, "-c", "--concurrency")
        return (1, jobs) if pool in THREADS else (jobs, 1)
    if program == "dramatiq":
        return number(words, cores, "-p", "--processes"), number(words, DRAMATIQ_THREADS, "-t", "--threads")
    if program.startswith("huey_consumer") or program.startswith("huey.bin.huey_consumer"):
        jobs = number(words, 1, "-w", "--workers") + 1  # and its scheduler
        return (jobs, 1) if text(words, "-k", "--worker-type") == "process" else (1, jobs)
    if program == "rq" and "worker-pool" in words:
        return number(words, 1, "-n", "--num-workers"), 1
    return 1, 1


def number(words: Sequence[str], default: int, *options: str) -> int:
    """Return the whole number that one of the OPTIONS has in WORDS, or DEFAULT."""
    found = text(words, *options)
    return int(found) if found.isdigit() else default


def text(words: Sequence[str], *options: str) -> str:
    """Return what one of the OPTIONS has in WORDS, as `-c 4`, `-c4`, `--concurrency 4` and `--concurrency=4`; "" for none."""
    for place, word in enumerate(words):
        for option in options:
            if word == option:
                return words[place + 1] if place + 1 < len(words) else ""
            long = option.startswith("--")
            if word.startswith(f"{option}=" if long else option) and not (not long and word.startswith("--")):
                return word[len(option) + long :].removeprefix("=")
    return ""
