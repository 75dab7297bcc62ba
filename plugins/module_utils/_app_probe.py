# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The question put to a built release before it may run: does it import, is it safe to show, which schema does it want?

`SCRIPT` runs under the app's own Python (3.9 or later), as its user, in its folder, with its environment.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

MARK = "slipway-probe:"

SCRIPT = r'''
import json, os, sys, traceback

sys.path.insert(0, os.getcwd())
found = {"error": "", "flask": False, "debug": False, "secret_key": None, "note": ""}
found.update(heads=None, current=None, between=None)


def tell():
    print("\nslipway-probe:" + json.dumps(found), flush=True)  # the app may have left a line open


def migrations(app):
    """Fill in the code's migration heads and the database's, where Flask-Migrate is in use."""
    extension = app.extensions.get("migrate")
    if extension is None:
        return
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with app.app_context():
        script = ScriptDirectory.from_config(extension.migrate.get_config(extension.directory))
        found["heads"] = sorted(script.get_heads())
        with extension.db.engine.connect() as connection:
            found["current"] = sorted(MigrationContext.configure(connection).get_current_heads())
        if len(sys.argv) > 2:
            lower = tuple(json.loads(sys.argv[2])) or "base"
            steps = script.iterate_revisions(tuple(found["current"]), lower)
            found["between"] = [f"{step.revision} ({step.doc})" for step in steps]


try:
    from gunicorn.util import import_app

    app = import_app(sys.argv[1])
except BaseException as error:
    traceback.print_exc()
    found["error"] = f"{type(error).__name__}: {error}"
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
        found["note"] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
tell()
'''


@dataclass(frozen=True)
class Probe:
    """What a release said of itself. HEADS are the code's migration heads, CURRENT the database's (None: unknown).

    BETWEEN are the revisions from the database's heads down to those asked about, newest first (None: not asked, unknown).
    """

    error: str = "it ended without an answer"
    flask: bool = False
    debug: bool = False
    secret_key: str | None = None
    heads: tuple[str, ...] | None = None
    current: tuple[str, ...] | None = None
    between: tuple[str, ...] | None = None
    note: str = ""

    @property
    def at_head(self) -> bool:
        """Whether the database is known to be where the code wants it."""
        return bool(self.heads) and self.heads == self.current


def read(output: str) -> tuple[Probe, str]:
    """Return the answer that stands in OUTPUT, and what the app itself printed."""
    rows = output.splitlines()
    answers = [row for row in rows if row.startswith(MARK)]
    rest = "\n".join(row for row in rows if not row.startswith(MARK))
    if not answers:
        return Probe(), rest
    told = json.loads(answers[-1][len(MARK) :])
    for key in ("heads", "current", "between"):
        told[key] = None if told.get(key) is None else tuple(told[key])
    return Probe(**told), rest
