# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Imports a release's app where nothing can be written, and tells in words why that did not work.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file, systemd
from ansible_collections.slipway.flask.plugins.module_utils._migration import probe as migration_probe
from ansible_collections.slipway.flask.plugins.module_utils._migration import run, still
from ansible_collections.slipway.flask.plugins.module_utils._python import driver, hints
from ansible_collections.slipway.flask.plugins.module_utils._release import handover
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context

WAITING_SECONDS = 10
"""How often a person is told that an import goes on."""

STUCK = re.compile(r"^Timeout \(\d+:\d\d:\d\d(?:\.\d+)?\)!$", re.MULTILINE)
FRAME = re.compile(r'^  File "([^"]+)", line (\d+) in (.+)$', re.MULTILINE)
DOING = {
    r"/(werkzeug/(serving|_reloader)|gunicorn/arbiter|waitress/|uvicorn/|hypercorn/|cheroot/|wsgiref/|socketserver|gevent/"
    r"baseserver|tornado/ioloop|aiohttp/web)": "a server is started when it is imported: put `app.run()` and the like under "
                                             '`if __name__ == "__main__":`',
    r"/apscheduler/schedulers/blocking": "a scheduler that blocks is started when it is imported: run it by itself",
    r"/(celery/|rq/worker|huey/consumer)": "a worker is started when it is imported: run it by itself",
    r"/(psycopg|psycopg2|asyncpg|pg8000|pymysql|MySQLdb|redis|urllib3|httpx|http/client|ssl|socket)[/.]":
        "it waits for a database or another service that does not answer",
    r"/subprocess\.py": "it waits for a program that it has started",
    r"/(threading|queue|concurrent/futures/.*|multiprocessing/.*)\.py": "it waits for a thread or a lock of its own",
}  # fmt: skip
"""What is in a file's name -> what an app that does not come to an end is probably doing."""


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
    if not question.get("pooler") and run.POOLER.search(f"{probe.error}\n{probe.note}\n{done.stderr}"):
        # A pooler takes no settings of a session; transactions are read-only all the same.
        return ask(context, {**question, "pooler": True})
    if not probe.error:
        return Answer(probe)
    said = environment_file.masked(systemd.tail(f"{printed}\n{done.stderr}"), context.environment_file)
    return Answer(
        probe,
        f"{environment_file.masked(why(context, probe, done.stderr), context.environment_file)}\nIts last lines:\n{said}",
    )


def script(context: Context) -> str:
    """Return the script that imports the app. One that must be one process begins nothing beside the release that serves."""
    app, release = context.paths.app, context.record.id
    alone = handover.stops_first(app) or handover.stops_first(app, release)
    return (still.SCRIPT if alone else "") + migration_probe.SCRIPT


@contextmanager
def waiting(context: Context, seconds: int) -> Iterator[None]:
    """Say that an import goes on, each time that it has taken WAITING_SECONDS more. What the app prints may be secret."""
    over, started = threading.Event(), time.monotonic()

    def tell() -> None:
        while not over.wait(WAITING_SECONDS):
            gone = time.monotonic() - started
            context.tell(f"check: the app is still being imported, {gone:.0f} s of at most {seconds} s")

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def common(context: Context) -> dict[str, Any]:
    """Return what each script that imports the app has to know."""
    return {"variable": context.request.migrations.variable, "writable": context.places}


def why(context: Context, probe: migration_probe.Probe, stderr: str) -> str:
    """Return why an app can't be imported; STDERR is what its import wrote as errors."""
    wsgi = context.request.wsgi
    if STUCK.search(stderr):
        return f"'wsgi' is '{wsgi}', whose import had not come to an end {stuck(stderr, context)}"
    if probe.unwritable or probe.wrote:
        wrote = written([*probe.wrote, *([(probe.unwritable[0], probe.unwritable[1])] if probe.unwritable else [])])
        return (
            f"'wsgi' is '{wsgi}', which writes when it is imported, and can't do without: {wrote}\n"
            f"It ended with {probe.error}\n"
            "A check imports the app where nothing can be written. Have a release command do it (`flask db upgrade`, one of "
            "your own), or set `writes_at_import: true`: then the app is imported only at 'migrate', once and alone, after "
            "a dump"
        )
    if probe.gunicorn is not None:
        return f"{unserved(probe.gunicorn, probe.python)}: {probe.error}"
    advice = driver.advice(probe.error) or hints.of_import(probe.error, probe.python)
    return f"'wsgi' is '{wsgi}', which can't be imported: {probe.error}{advice}"


def unserved(gunicorn: str, python: str) -> str:
    """Return what to do about a gunicorn of this version ("": none) that can't be imported itself."""
    way = '`overrides: ["gunicorn>=23"]` puts a newer one in its place'
    if not gunicorn:
        return f"gunicorn is not installed; {way}, or add it to the app's list"
    return f"gunicorn {gunicorn}, which the app's own list brings, does not run on Python {python} ({way})"


def written(wrote: Iterable[tuple[str, str]]) -> str:
    """Return what an app wrote, or would have, with its places."""
    told = dict.fromkeys(f"`{what}`{f' at {where}' if where else ''}" for what, where in wrote)
    return ", ".join(told)


def stuck(stderr: str, context: Context) -> str:
    """Return where an import was when its time was over, and what it was probably doing."""
    blocks = re.split(r"^(?=Thread 0x|Current thread 0x)", stderr[STUCK.search(stderr).start() :], flags=re.MULTILINE)  # type: ignore[union-attr]
    main = next((block for block in reversed(blocks) if 'File "<string>"' in block), blocks[-1])
    frames = FRAME.findall(main)
    source = f"{context.src.resolve()}/"
    own = next(((file, line) for file, line, _ in frames if file.startswith((source, f"{context.src}/"))), None)
    at = ""
    if own:
        at = f", at {own[0].removeprefix(source).removeprefix(f'{context.src}/')}, line {own[1]}"
    doing = next((text for pattern, text in DOING.items() for file, _, _ in frames if re.search(pattern, file)), "")
    return f"after {context.request.check_seconds} s (check_seconds){at}" + (f": {doing}" if doing else "")
