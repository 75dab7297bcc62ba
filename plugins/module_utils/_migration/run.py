# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A migration run alone: one at a time for a database, however many hosts deploy.

`SCRIPT` runs under the app's own Python (3.9 or later), as its user, and starts the app's migration command as its child.
It imports the app itself, where nothing can be written: only the child writes, when there is a dump.
What a lock is, and who holds up a migration, is the database's dialect's to say (`_database/`).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._database import known
from ansible_collections.slipway.flask.plugins.module_utils._migration import guard, probe, schema

MARK = "slipway-migration:"
DUMP_PREFIX = "SLIPWAY_DUMP_"
"""Variables with this in front are for the command alone that dumps."""

SCRIPT = (
    r"""
import json, os, subprocess, sys, threading, time, traceback

sys.path.insert(0, os.getcwd())
ask = json.loads(sys.argv[2])
found = {"ran": False, "status": 0, "failed": "", "before": None, "after": None, "waited": 0, "holders": []}


def tell():
    print("\nslipway-migration:" + json.dumps(found), flush=True)
    end(found["status"])


"""
    + known.SCRIPT
    + guard.SCRIPT
    + schema.SCRIPT
    + r'''
before = {name: os.environ.get(name) for dialect in DIALECTS.values() for name in dialect.variables}


def own_environment(prefix):
    """Return the environment of a child, which may write; the variables with PREFIX are for one child only."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(ask["prefix"])}
    for name, value in before.items():
        plain.pop(name, None)
        if value is not None:
            plain[name] = value
    extra = {name[len(prefix):]: value for name, value in os.environ.items() if prefix and name.startswith(prefix)}
    return {**plain, **extra}


def watch(engine, over):
    """Look who holds up the migration, for as long as it runs."""
    try:
        while not over.wait(0.4):
            rows = dialect_of(engine).holders(engine)
            if rows is None:
                return
            if rows:
                found["holders"] = [list(row) for row in rows]
    except Exception:
        return  # it is help for a message; what goes wrong shows in the migration itself


def run(name, argv, prefix, engine):
    over = threading.Event()
    watcher = threading.Thread(target=watch, args=(engine, over), daemon=True)
    if engine is not None:
        watcher.start()
    sys.stdout.flush()
    found["status"] = subprocess.run(["/usr/bin/env", *argv], env=own_environment(prefix)).returncode
    over.set()
    if found["status"]:
        found["failed"] = name


def look(place, engine, held):
    """Return the database's heads; HELD has the lock of the migration, and gives up those of the look itself."""
    if place is None:
        return None
    if held is None or not place.usual:
        return place.current()
    inner = dialect_of(held).aside(held)
    try:
        return place.current(held)
    finally:
        inner.rollback()


def imported():
    """Return the app, imported where nothing can be written; None when it can't be without that."""
    from gunicorn.util import import_app

    limit(ask.get("seconds"))
    try:
        return import_app(sys.argv[1])
    except BaseException as error:
        if unwritable(error) or postponed:
            return None
        traceback.print_exc()
        end(1)
    finally:
        faulthandler.cancel_dump_traceback_later()


def migrate(app):
    argv = ask.get("place")  # without the app, only Alembic's own command can be looked at
    place = Place(app, argv) if argv and (app is not None or "alembic" in argv) else None
    if place is not None:
        engine = place.engine
    elif app is not None and "migrate" in (getattr(app, "extensions", None) or {}):
        engine = app.extensions["migrate"].db.engine
    else:
        engine = url_engine()
    started = time.monotonic()
    held = dialect_of(engine).lock(engine) if engine is not None else None
    if held is not None:
        found["waited"] = round(time.monotonic() - started, 1)
    found["before"] = found["after"] = look(place, engine, held)
    if found["before"] is not None and found["before"] == ask["wanted"]:
        return
    if ask["expected"] is not None and found["before"] is not None and found["before"] != ask["expected"]:
        found["status"], found["failed"] = 1, "moved"
        return
    if ask["dump"]:
        run("dump", ask["dump"], ask["prefix"], engine)
    if not found["status"]:
        found["ran"] = True
        run("command", ask["argv"], "", engine)
    try:
        found["after"] = look(place, engine, held)
    except Exception as error:
        found["after"] = None
        print(f"where the database is now can't be asked: {type(error).__name__}", file=sys.stderr)


def url_engine():
    try:
        return engine_of(os.environ.get(ask.get("variable", ""), ""))
    except Exception:
        return None  # no SQLAlchemy, or no driver that it knows: nobody else's migration is waited for


guard()
app = imported()
with getattr(app, "app_context", contextlib.nullcontext)():
    migrate(app)
tell()
'''
)


@dataclass(frozen=True)
class Ran:
    """What became of a migration. BEFORE and AFTER are the database's heads (None: unknown), WAITED seconds.

    FAILED is "" (it went well), "command", "dump", or "moved": the database was not where it was when it was judged.
    HOLDERS are the sessions that held it up: pid, role, application, state, address, seconds of their transaction.
    """

    status: int
    ran: bool = False
    failed: str = ""
    before: list[str] | None = None
    after: list[str] | None = None
    waited: float = 0
    holders: tuple[tuple[Any, ...], ...] = ()


def read(output: str, status: int) -> tuple[Ran, str]:
    """Return what a run told that ended with STATUS, and what the command itself printed."""
    told, rest = probe.answer(output, MARK)
    if told is None:
        return Ran(status or 1, failed="command"), rest
    return Ran(**{**told, "holders": tuple(map(tuple, told["holders"]))}), rest
