# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Imports a release's app where nothing can be written, and tells in words why that did not work.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file, meanwhile, systemd
from ansible_collections.slipway.flask.plugins.module_utils._migration import failure, question, still
from ansible_collections.slipway.flask.plugins.module_utils._migration import probe as migration_probe
from ansible_collections.slipway.flask.plugins.module_utils._process.base import alone
from ansible_collections.slipway.flask.plugins.module_utils._python import driver, hints, stuck
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context

WAITING_SECONDS = 10
"""How often a person is told that an import goes on."""


@dataclass(frozen=True)
class Answer:
    """What a release said of itself; FAILED is why its app could not be imported, in words ("": it could)."""

    probe: migration_probe.Probe
    failed: str = ""


def ask(context: Context, question: Mapping[str, Any]) -> Answer:
    """Import the app of CONTEXT's release once, alone, and put QUESTION to it. Notes of CONTEXT get what is odd."""
    seconds = context.request.check_seconds
    wanted = {**question, **common(context), "seconds": seconds}
    argv = ["python", "-c", script(context), context.request.wsgi, json.dumps(wanted)]
    with waiting(context, seconds):
        done = context.look(argv, seconds)
    probe, printed = migration_probe.read(done.stdout)
    if not question.get("pooler") and failure.POOLER.search(f"{probe.error}\n{probe.note}\n{done.stderr}"):
        # A pooler takes no settings of a session; transactions are read-only all the same.
        return ask(context, {**question, "pooler": True})
    if not probe.error:
        return Answer(replace(probe, pooler=bool(question.get("pooler"))))
    said = environment_file.masked(systemd.tail(f"{printed}\n{done.stderr}"), context.environment_file)
    return Answer(
        probe,
        f"{environment_file.masked(why(context, probe, done.stderr), context.environment_file)}\nIts last lines:\n{said}",
    )


def script(context: Context) -> str:
    """Return the script that imports the app. One that must be one process begins nothing beside the live release."""
    quiet = alone(context.processes, "", context.record.id)
    return (still.SCRIPT if quiet else "") + question.SCRIPT


@contextmanager
def waiting(context: Context, seconds: int) -> Iterator[None]:
    """Say that an import goes on, each time that it has taken WAITING_SECONDS more. What the app prints may be secret."""
    started = time.monotonic()

    def tell() -> None:
        gone = time.monotonic() - started
        context.tell(f"check: the app is still being imported, {gone:.0f} s of at most {seconds} s")

    with meanwhile.every(WAITING_SECONDS, tell):
        yield


def common(context: Context) -> dict[str, Any]:
    """Return what each script that imports the app has to know."""
    return {"variable": context.request.migrations.variable, "writable": context.places}


def why(context: Context, probe: migration_probe.Probe, stderr: str) -> str:
    """Return why an app can't be imported; STDERR is what its import wrote as errors."""
    wsgi = context.request.wsgi
    if stuck.is_stuck(stderr):
        where = stuck.where(stderr, context.src, context.request.check_seconds)
        return f"'wsgi' is '{wsgi}', whose import did not finish {where}"
    if probe.unwritable or probe.wrote:
        wrote = written([*probe.wrote, *([(probe.unwritable[0], probe.unwritable[1])] if probe.unwritable else [])])
        return (
            f"'wsgi' is '{wsgi}', which writes when it is imported, and fails if it can't: {wrote}\n"
            "A check imports the app read-only. Have a release command do it (`flask db upgrade`, one of "
            "your own), or set `writes_at_import: true`: then the app is imported only at 'migrate', once and alone, after "
            f"a dump.\nIt failed with {probe.error}"
        )
    if probe.unserved:
        return f"{probe.unserved}: {probe.error}"
    advice = (
        driver.advice(probe.error) or hints.of_import(probe.error, probe.python) or hints.of_missing(probe.error, wsgi)
    )
    return f"'wsgi' is '{wsgi}', which can't be imported: {probe.error}{advice}"


def written(wrote: Iterable[tuple[str, str]]) -> str:
    """Return what an app wrote, or would have, with its places."""
    told = dict.fromkeys(f"`{what}`{f' at {where}' if where else ''}" for what, where in wrote)
    return ", ".join(told)
