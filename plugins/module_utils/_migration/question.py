# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The question put to a built release before it may run; what it answers is in probe.py.

`SCRIPT` runs under the app's own Python (3.9 or later), as its user, in its folder, with its environment.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.module_utils._database import known
from ansible_collections.slipway.flask.plugins.module_utils._migration import (
    expressions,
    guard,
    pending,
    pools,
    reading,
    schema,
)

SCRIPT = (
    r"""
import inspect, io, json, os, sys, traceback

sys.path.insert(0, os.getcwd())
found = {"error": "", "flask": False, "debug": False, "secret_key": None, "note": ""}
found.update(heads=None, current=None, between=None, unknown=[], pending=[], dialect="", server={})
found.update(places=[], split=[], wrote=[], unwritable=[], threads=[], live={}, pools=None, served=None, prepares=False)
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


def asgi(app):
    # Whether it is called as ASGI has it (something to wait for), or as WSGI has it (two arguments); None: can't be told.
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(type(app), "__call__", None)):
        return True
    kinds = [one.kind for one in inspect.signature(app).parameters.values()]
    return False if kinds == [inspect.Parameter.POSITIONAL_OR_KEYWORD] * 2 else None


def served():
    try:
        return ask.get("gunicorn") and workers(ask["gunicorn"])
    except RuntimeError as error:  # the settings refuse this gunicorn
        found["refusal"] = str(error)


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
for name, look_at in (("pools", lambda: pools(app)), ("served", served)):
    try:  # before migrations are looked at, which makes engines of its own
        found[name] = look_at() or None
    except Exception:
        pass
try:
    found["asgi"] = asgi(app) if ask.get("gunicorn") else None
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
