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

MARK = "slipway-probe:"

SCHEMA = r'''
def versions(extension):
    """Return the options under which an app keeps its migration head elsewhere than in `alembic_version`."""
    names = ("version_table", "version_table_schema")
    return {name: value for name, value in (extension.configure_args or {}).items() if name in names}


def heads_of(connection, extension):
    """Return the database's migration heads."""
    from alembic.migration import MigrationContext

    return sorted(MigrationContext.configure(connection, opts=versions(extension)).get_current_heads())


def text(statement):
    from sqlalchemy import text

    return text(statement)
'''
"""What this script and that of `_migration_run` share."""

SCRIPT = (
    r"""
import ast, io, json, os, sys, traceback

sys.path.insert(0, os.getcwd())
found = {"error": "", "flask": False, "debug": False, "secret_key": None, "note": ""}
found.update(heads=None, current=None, between=None, unknown=[], pending=[], dialect="", server={})
ask = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}


def tell():
    print("\nslipway-probe:" + json.dumps(found), flush=True)  # the app may have left a line open


def line_of(error):
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
"""
    + SCHEMA
    + r'''

def migrations(app):
    """Fill in the code's migration heads and the database's, and what lies between, where Flask-Migrate is in use."""
    extension = app.extensions.get("migrate")
    if extension is None:
        return
    from alembic.script import ScriptDirectory

    with app.app_context():
        config = extension.migrate.get_config(extension.directory)
        script = ScriptDirectory.from_config(config)
        found["heads"] = sorted(script.get_heads())
        with extension.db.engine.connect() as connection:
            found["dialect"] = connection.dialect.name
            found["current"] = heads_of(connection, extension)
            if found["dialect"] == "postgresql" and (ask.get("server") or found["heads"] != found["current"]):
                server(connection, extension.db.engine.pool)
                if ask.get("gunicorn"):
                    workers(ask["gunicorn"])
        if found["heads"] == found["current"] and "lower" not in ask:
            return
        known = {step.revision for step in script.walk_revisions()}
        found["unknown"] = [revision for revision in found["current"] if revision not in known]
        if "lower" in ask:
            steps = script.iterate_revisions(tuple(found["current"]), tuple(ask["lower"]) or "base")
            found["between"] = [f"{step.revision} ({step.doc})" for step in steps]
        elif not found["unknown"]:
            lower = tuple(found["current"]) or "base"
            steps = list(script.iterate_revisions(tuple(found["heads"]), lower, implicit_base=True))
            found["pending"] = [pending(config, script, step) for step in reversed(steps)]


def server(connection, pool):
    """Fill in what a PostgreSQL server says of itself, and how many connections one process of the app may open."""
    told = connection.execute(text(
        "SELECT current_setting('server_version_num')::int, pg_database_size(current_database()),"
        " current_setting('max_connections')::int,"
        " current_setting('superuser_reserved_connections')::int"
        " + coalesce(current_setting('reserved_connections', true)::int, 0),"
        " (SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL)"
    )).fetchone()
    found["server"] = dict(zip(("version", "bytes", "max", "reserved", "used"), map(int, told)))
    overflow = getattr(pool, "_max_overflow", -1)
    if hasattr(pool, "size") and overflow >= 0:
        found["server"]["pool"] = pool.size() + overflow


def workers(path):
    """Fill in how many processes gunicorn would start from the settings in PATH, and how many requests each serves."""
    import runpy

    told = runpy.run_path(path)
    many = "worker_connections" if told.get("worker_class") == "gevent" else "threads"
    found["server"].update(workers=int(told.get("workers", 1)), threads=int(told.get(many, 1)))


def pending(config, script, step):
    """Return a revision that is to be run, with its SQL for PostgreSQL as far as it can be written without running it."""
    one = {"revision": step.revision, "doc": step.doc, "file": os.path.basename(step.path), "sql": "", "problem": ""}
    if not ask.get("sql") or found["dialect"] != "postgresql" or not (found["current"] or ask.get("empty")):
        return one
    from alembic.runtime.environment import EnvironmentContext

    config.output_buffer = io.StringIO()
    parents = tuple(sorted(step._all_down_revisions))
    steps = lambda revision, context: script._upgrade_revs(step.revision, parents)
    try:
        with EnvironmentContext(
            config, script, fn=steps, as_sql=True, starting_rev=parents or "base", destination_rev=step.revision
        ):
            script.run_env()
    except (Exception, SystemExit) as error:
        one["problem"], one["calls"] = line_of(error), calls(step.path)
    one["sql"] = config.output_buffer.getvalue()
    return one


def calls(path):
    """Return the names of the methods that a revision's upgrade() calls."""
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    upgrades = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade"]
    inside = [node.func for upgrade in upgrades for node in ast.walk(upgrade) if isinstance(node, ast.Call)]
    return sorted({function.attr for function in inside if isinstance(function, ast.Attribute)})


PYTHON = ".".join(map(str, sys.version_info[:3]))


def server():
    """Return gunicorn's own way to import an app; end with what is wrong with gunicorn itself, which is not the app's."""
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
        tell()
        sys.exit(1)


import_app = server()
try:
    app = import_app(sys.argv[1])
except BaseException as error:
    traceback.print_exc()
    found.update(error=f"{type(error).__name__}: {error}", python=PYTHON)
    tell()
    sys.exit(1)

if hasattr(app, "config") and hasattr(app, "extensions"):
    found["flask"] = True
    found["debug"] = bool(app.debug)
    found["secret_key"] = app.config.get("SECRET_KEY")
    if isinstance(found["secret_key"], bytes):
        found["secret_key"] = found["secret_key"].decode("latin-1")
    elif found["secret_key"] is not None:
        found["secret_key"] = str(found["secret_key"])
    try:
        migrations(app)
    except Exception as error:
        found["note"] = line_of(error)
tell()
'''
)


@dataclass(frozen=True)
class Pending:
    """A revision that the database lacks. SQL is what it would run on PostgreSQL, "" when it was not asked for.

    PROBLEM says why the SQL is not complete; CALLS are then the methods that its upgrade() calls.
    """

    revision: str
    doc: str = ""
    file: str = ""
    sql: str = ""
    problem: str = ""
    calls: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return f"{self.revision} ({self.doc})" if self.doc else self.revision


@dataclass(frozen=True)
class Probe:
    """What a release said of itself. HEADS are the code's migration heads, CURRENT the database's (None: unknown).

    BETWEEN are the revisions from the database's heads down to those asked about, newest first (None: not asked, unknown).
    UNKNOWN are the database's heads that the code does not have; PENDING, in the order in which they would be run, the
    revisions that the database does not have. DIALECT is SQLAlchemy's. SERVER has numbers of a PostgreSQL server:
    version (server_version_num), bytes (of the database), max, reserved and used connections, pool (the most connections
    that one process of the app opens; missing: no limit), and for a plan gunicorn's workers and the threads of each.
    GUNICORN is the version of one that can't run itself ("": it is not there), PYTHON that of the interpreter
    in which an import failed.
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

    @property
    def at_head(self) -> bool:
        """Whether the database is known to be where the code wants it."""
        return bool(self.heads) and self.heads == self.current


def read(output: str) -> tuple[Probe, str]:
    """Return the answer that stands in OUTPUT, and what the app itself printed."""
    told, rest = answer(output, MARK)
    if told is None:
        return Probe(), rest
    for key in ("heads", "current", "between", "unknown"):
        told[key] = None if told.get(key) is None else tuple(told[key])
    told["unknown"] = told["unknown"] or ()
    steps = [{**one, "calls": tuple(one.get("calls", ()))} for one in told.get("pending") or []]
    told["pending"] = tuple(Pending(**one) for one in steps)
    return Probe(**{key.name: told[key.name] for key in fields(Probe) if key.name in told}), rest


def answer(output: str, mark: str) -> tuple[dict[str, Any] | None, str]:
    """Return the last answer that stands behind MARK in OUTPUT (None: there is none), and the lines without one."""
    rows = output.splitlines()
    answers = [row for row in rows if row.startswith(mark)]
    rest = "\n".join(row for row in rows if not row.startswith(mark))
    return (json.loads(answers[-1][len(mark) :]) if answers else None), rest
