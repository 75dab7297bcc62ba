# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The question put to a built release before it may run: does it import, is it safe to show, which schema does it want?

`SCRIPT` runs under the app's own Python (3.9 or later), as its user, in its folder, with its environment.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._database import known
from ansible_collections.slipway.flask.plugins.module_utils._migration import (
    expressions,
    guard,
    pending,
    pools,
    reading,
    schema,
)

MARK = "slipway-probe:"

SCRIPT = (
    r"""
import io, json, os, sys, traceback

sys.path.insert(0, os.getcwd())
found = {"error": "", "flask": False, "debug": False, "secret_key": None, "note": ""}
found.update(heads=None, current=None, between=None, unknown=[], pending=[], dialect="", server={})
found.update(places=[], split=[], wrote=[], unwritable=[], threads=[], live={}, pools=None, served=None)
ask = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}


def line_of(error):
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def first_of(error):
    # What the error was raised because of, or after: it often names the file or module that the error itself does not.
    first, seen = error, set()
    while id(first) not in seen:
        seen.add(id(first))
        first = first.__cause__ or (not first.__suppress_context__ and first.__context__) or first
    return "" if line_of(first) == line_of(error) else f", after {line_of(first)}"
"""
    + known.SCRIPT
    + guard.SCRIPT
    + schema.SCRIPT
    + expressions.SCRIPT
    + reading.SCRIPT
    + pending.SCRIPT
    + pools.SCRIPT
    + r"""

def tell(status=0):
    found["threads"] = left()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    # Not by sys.stdout, which an app may have replaced, and which may have left a line open.
    told = ("\nslipway-probe:" + json.dumps(found) + "\n").encode()
    while told:
        told = told[os.write(1, told):]
    end(status)


def wrote():
    # What Alembic was called for and had nothing to do is no write.
    done = found["heads"] is not None and found["heads"] == found["current"]
    return [one for one in postponed if not (done and one[0].startswith("Alembic's"))]


PYTHON = ".".join(map(str, sys.version_info[:3]))


def importer():
    # gunicorn's own way to import an app; what is wrong with gunicorn itself is not the app's.
    try:
        from gunicorn.util import import_app

        return import_app
    except BaseException as error:
        from importlib import metadata

        traceback.print_exc()
        try:
            version = metadata.version("gunicorn")
        except metadata.PackageNotFoundError:
            version = ""
        found.update(error=line_of(error), gunicorn=version, python=PYTHON)
        tell(1)


limit(ask.get("seconds"))
if not ask.get("write"):
    guard()
import_app = importer()
try:
    app = import_app(sys.argv[1])
except BaseException as error:
    traceback.print_exc()
    found.update(error=f"{type(error).__name__}: {error}{first_of(error)}", python=PYTHON, wrote=wrote())
    if what := unwritable(error):
        found["unwritable"] = [" ".join(what.split())[:200], raised_at(error)]
    tell(1)

if hasattr(app, "config") and hasattr(app, "extensions"):
    found["flask"] = True
    found["debug"] = bool(app.debug)
    found["secret_key"] = app.config.get("SECRET_KEY")
    if isinstance(found["secret_key"], bytes):
        found["secret_key"] = found["secret_key"].decode("latin-1")
    elif found["secret_key"] is not None:
        found["secret_key"] = str(found["secret_key"])
    try:
        found["live"] = live(app)
    except Exception:  # a Flask-SocketIO of another making
        pass
for name, look_at in (("pools", lambda: pools(app)), ("served", lambda: ask.get("gunicorn") and workers(ask["gunicorn"]))):
    try:  # before migrations are looked at, which makes engines of its own
        found[name] = look_at() or None
    except Exception:
        pass
try:
    migrations(app)
except Exception as error:
    found["note"] = line_of(error)
found["wrote"] = wrote()
tell()
"""
)


@dataclass(frozen=True)
class Pending:
    """A revision that the database lacks. SQL is what it would run on PostgreSQL, "" when it was not asked for.

    PROBLEM says why the SQL is not complete. REACHED is then what its source can do (methods that are called, texts that
    may be SQL) and UNREAD what can't be told from it, each with its place (`0005_drop.py:12`).
    """

    revision: str
    doc: str = ""
    file: str = ""
    sql: str = ""
    problem: str = ""
    reached: tuple[tuple[str, str], ...] = ()
    unread: tuple[tuple[str, str], ...] = ()

    @property
    def title(self) -> str:
        return f"{self.revision} ({self.doc})" if self.doc else self.revision


@dataclass(frozen=True)
class Probe:
    """What a release said of itself. HEADS are the code's migration heads, CURRENT the database's (None: unknown).

    BETWEEN are the revisions from the database's heads down to those asked about, newest first (None: not asked, unknown).
    UNKNOWN are the database's heads that the code does not have; PENDING, in the order in which they would be run, the
    revisions that the database does not have. DIALECT is SQLAlchemy's. SERVER has numbers of a PostgreSQL server:
    version (server_version_num), bytes (of the database), max, reserved and used connections.
    POOLS are the app's pools of database connections (pools.py; None: not known), SERVED what gunicorn would start: workers,
    requests that each of them serves at a time, and the kind of worker; POOLER, that the database is reached over one.
    GUNICORN is the version of one that can't run itself ("": it is not there), PYTHON that of the interpreter
    in which an import failed.
    PLACES has the heads for each command that migrates: argv, heads, current; SPLIT those of one that has several.
    WROTE is what the app would have written while it was imported and was left out, UNWRITABLE what its import could not
    do without, each with its place; THREADS are the names of those that were still running. LIVE is of an app with
    Flask-SocketIO: workers, and whether it takes long polling and has a message queue.
    """

    error: str = "it ended without an answer"
    flask: bool = False
    debug: bool = False
    secret_key: str | None = None
    heads: tuple[str, ...] | None = None
    current: tuple[str, ...] | None = None
    between: tuple[str, ...] | None = None
    unknown: tuple[str, ...] = ()
    pending: tuple[Pending, ...] = ()
    dialect: str = ""
    server: dict[str, int] = field(default_factory=dict)
    note: str = ""
    gunicorn: str | None = None
    python: str = ""
    places: tuple[dict[str, Any], ...] = ()
    split: tuple[str, ...] = ()
    wrote: tuple[tuple[str, str], ...] = ()
    unwritable: tuple[str, ...] = ()
    threads: tuple[str, ...] = ()
    live: dict[str, Any] = field(default_factory=dict)
    pools: tuple[dict[str, Any], ...] | None = None
    served: tuple[Any, ...] | None = None
    pooler: bool = False

    @property
    def apart(self) -> str:
        """Why the app's visitors would not be reached by all of its workers, and what to do, "" when they would.

        Source: Flask-SocketIO's documentation, "Using Multiple Workers": sticky sessions, which gunicorn does not have.
        """
        workers = self.live.get("workers", 1)
        if workers == 1 or (self.live["queue"] and not self.live["polling"]):
            return ""
        why = (
            "its long polling needs all requests of a visitor to reach the same worker, which gunicorn can't do"
            if self.live["polling"]
            else "without a message queue, what one of them emits reaches only its own visitors"
        )
        return (
            f"the app uses Flask-SocketIO and would have {workers} workers, but {why}. Set `workers: 1`, and `threads` to the "
            "number of visitors at a time; or let the app take WebSockets only and give it a message queue: "
            "SocketIO(…, transports=['websocket'], client_manager=…); see docs/redis.md"
        )

    @property
    def unserved(self) -> str:
        """What to do about a gunicorn that can't be imported itself, "" when it is not that."""
        way = '`overrides: ["gunicorn>=23"]` puts a newer one in its place'
        if self.gunicorn is None:
            return ""
        if not self.gunicorn:
            return f"gunicorn is not installed; {way}, or add it to the app's list"
        return (
            f"gunicorn {self.gunicorn}, which the app's own list brings, does not run on Python {self.python} ({way})"
        )

    @property
    def at_head(self) -> bool:
        """Whether the database is known to be where the code wants it."""
        return bool(self.heads) and self.heads == self.current


def read(output: str) -> tuple[Probe, str]:
    """Return the answer that stands in OUTPUT, and what the app itself printed."""
    told, rest = answer(output, MARK)
    if told is None:
        return Probe(), rest
    for key in ("heads", "current", "between", "pools", "served"):
        told[key] = None if told.get(key) is None else tuple(told[key])
    for key in ("unknown", "places", "split", "unwritable", "threads"):
        told[key] = tuple(told.get(key) or ())
    told["wrote"] = pairs(told.get("wrote"))
    steps = [
        {**one, "reached": pairs(one.get("reached")), "unread": pairs(one.get("unread"))}
        for one in told.get("pending") or []
    ]
    told["pending"] = tuple(Pending(**one) for one in steps)
    return Probe(**{key.name: told[key.name] for key in fields(Probe) if key.name in told}), rest


def pairs(told: Any) -> tuple[tuple[str, str], ...]:
    """Return what was told with its place, as it came out of JSON."""
    return tuple((str(what), str(where)) for what, where in told or ())


def answer(output: str, mark: str) -> tuple[dict[str, Any] | None, str]:
    """Return the last answer that stands behind MARK in OUTPUT (None: there is none), and the lines without one."""
    rows = output.splitlines()
    answers = [row for row in rows if row.startswith(mark)]
    rest = "\n".join(row for row in rows if not row.startswith(mark))
    return (json.loads(answers[-1][len(mark) :]) if answers else None), rest
