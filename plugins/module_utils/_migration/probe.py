# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a built release answers before it may run: does it import, is it safe to show, which schema does it want?

The question is in question.py.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Any

MARK = "slipway-probe:"


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
    requests that each of them serves at a time, and the kind of worker; POOLER, that the database is reached over one;
    PREPARES, that the app's driver prepares statements by itself.
    REFUSAL is why the settings don't start this gunicorn ("": they do); ASGI is whether the app is called as
    ASGI has it, or as WSGI has it (None: not known).
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
    refusal: str = ""
    asgi: bool | None = None
    pooler: bool = False
    prepares: bool = False

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
            "number of visitors at a time; or let the app accept only WebSockets and give it a message queue: "
            "SocketIO(…, transports=['websocket'], client_manager=…); see docs/redis.md"
        )

    @property
    def miscalled(self) -> str:
        """What to do about an app that its workers would not call as it must be called, "" when they would."""
        kind = self.served[2] if self.served else ""
        if self.refusal or not kind or self.asgi in (None, kind == "asgi"):
            return self.refusal
        if self.asgi:
            return (
                f"it is an ASGI app, as Quart's, FastAPI's and Starlette's are, and `worker_class` is '{kind}', which is for "
                "WSGI: set `worker_class: asgi`"
            )
        return (
            "it is a WSGI app, as Flask's are, and `worker_class` is 'asgi': remove `worker_class`, or wrap the app with "
            "asgiref's WsgiToAsgi"
        )

    @property
    def unserved(self) -> str:
        """What to do about a gunicorn that can't be imported itself, "" when it is not that."""
        way = '`overrides: ["gunicorn>=23"]` installs a newer one instead'
        if self.gunicorn is None:
            return ""
        if not self.gunicorn:
            return f"gunicorn is not installed; {way}, or add it to the app's list"
        return f"gunicorn {self.gunicorn}, which the app's requirements ask for, does not run on Python {self.python} ({way})"

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
