# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What lies between an app's migrations and its database: heads, the revisions in between, and their SQL where it can be had.

`SCRIPT` runs under the app's own Python (3.9 or later), after those of `schema` and `reading`.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

SCRIPT = r'''
def migrations(app):
    """Fill in the code's migration heads and the database's, and what lies between, for each command that migrates."""
    commands = ask.get("commands") or []
    if not commands and getattr(app, "extensions", None) and app.extensions.get("migrate") is not None:
        commands = [["flask", "db", "upgrade"]]
    if not commands and ask.get("own") and os.path.exists("alembic.ini"):
        commands = [["alembic", "upgrade", "head"]]
    heads, current = set(), set()
    for argv in commands:
        try:
            place = Place(app, argv)
        except ImportError as error:
            found["note"] = f"{' '.join(argv)}: {line_of(error)}"  # neither Flask-Migrate nor Alembic
            continue
        if os.path.basename(argv[0]) == "flask" and not place.extension:
            found["note"] = ("the app has no Flask-Migrate: set `release_commands` to the commands that bring its database up to "
                             "date, or to [] if there are none")
            continue
        with place.context():
            one = look(place)
        heads |= set(one["heads"])
        found["heads"] = sorted(heads)
        found["places"].append({"argv": argv, **one})
        if len(one["heads"]) > 1:
            found["split"] = one["heads"]
        if one["current"] is not None and current is not None:
            current |= set(one["current"])
            found["current"] = sorted(current)
        else:
            found["current"] = current = None


def look(place):
    """Return the heads of one folder of migrations and of its database; fill in what lies between."""
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(place.config)
    one = {"heads": sorted(script.get_heads()), "current": None}
    found["heads"] = sorted({*(found["heads"] or []), *one["heads"]})
    try:
        engine = place.engine
        if engine is None:
            one["current"] = place.current()
        else:
            with engine.connect() as connection:
                found["dialect"] = connection.dialect.name
                one["current"] = place.current(connection)
                if ask.get("server") or one["heads"] != one["current"]:
                    found["server"] = dialect_of(connection).server(connection)
    except Exception as error:
        found["note"] = line_of(error)
        return one
    if one["heads"] == one["current"] and "lower" not in ask:
        return one
    known = {step.revision for step in script.walk_revisions()}
    unknown = [revision for revision in one["current"] if revision not in known]
    found["unknown"] += unknown
    if "lower" in ask:
        steps = list(script.iterate_revisions(tuple(one["current"]), tuple(ask["lower"]) or "base"))
        found["between"] = [f"{step.revision} ({step.doc})" for step in steps]
        if ask.get("sql"):
            found["pending"] += [pending(place, script, step, one["current"], down=True) for step in steps]
    elif not unknown:
        lower = tuple(one["current"]) or "base"
        steps = list(script.iterate_revisions(tuple(one["heads"]), lower, implicit_base=True))
        found["pending"] += [pending(place, script, step, one["current"]) for step in reversed(steps)]
    return one


def workers(path):
    """Return how many processes gunicorn would start from the settings in PATH, how many requests each serves, and its kind."""
    import runpy

    told = runpy.run_path(path)
    kind = str(told.get("worker_class", "sync"))
    many = "worker_connections" if kind in ("gevent", "asgi") else "threads"
    return int(told.get("workers", 1)), int(told.get(many, 1)), kind


def live(app):
    """Return how Flask-SocketIO reaches an app's visitors, {} for an app without it or whose workers are not asked for."""
    server = getattr(app.extensions.get("socketio"), "server", None)
    if server is None or not ask.get("gunicorn"):
        return {}
    kinds = [kind.__name__ for kind in type(server.manager).__mro__]
    polling = "polling" in getattr(server.eio, "transports", ["polling"])
    return {"workers": workers(ask["gunicorn"])[0], "polling": polling, "queue": "PubSubManager" in kinds}


def pending(place, script, step, current, down=False):
    """Return a revision that is to be run, or undone, with its SQL as far as that can be written."""
    one = {"revision": step.revision, "doc": step.doc, "file": os.path.basename(step.path), "sql": "", "problem": ""}
    if not ask.get("sql") or not dialect_of(found["dialect"]).writes_sql or not (current or ask.get("empty")):
        return one
    start = "downgrade" if down else "upgrade"
    roots = [os.path.dirname(step.path), script.dir, os.path.dirname(os.path.realpath(script.dir)), os.getcwd()]
    read = Reading(step.path, [os.path.realpath(root) for root in roots], start)
    one["sql"], one["problem"] = written(place.config, script, step, down)
    if not one["problem"] and any("only its SQL is written" in why for why, _ in read.unknown):
        one["problem"] = "it does something else when only its SQL is written"
    if one["problem"]:
        one["reached"], one["unread"] = read.reached, read.unknown
    return one


def written(config, script, step, down):
    """Return a revision's SQL, and why it is not whole ("": it is)."""
    sql, error = rendered(config, script, step, down)
    if isinstance(error, OSError) and error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        # It writes beside itself or where it stands: it gets a copy in a folder of its own.
        import shutil, tempfile

        here, there = os.getcwd(), tempfile.mkdtemp()
        folder = os.path.join(there, os.path.relpath(script.dir, here)) if script.dir.startswith(here) else there + "/migrations"
        shutil.copytree(script.dir, folder)
        for place, _, names in os.walk(there):
            os.chmod(place, 0o700)
        before = config.get_main_option("script_location")
        try:
            os.chdir(there)
            config.set_main_option("script_location", folder.replace("%", "%%"))
            copy = type(script).from_config(config)
            sql, error = rendered(config, copy, copy.get_revision(step.revision), down)
        finally:
            os.chdir(here)
            config.set_main_option("script_location", (before or "").replace("%", "%%"))
    return sql, "" if error is None else line_of(error)


def rendered(config, script, step, down):
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationStep

    buffer = io.StringIO()
    config.output_buffer = buffer
    parents = tuple(sorted(step._all_down_revisions))
    if down:
        steps = lambda revision, context: [MigrationStep.downgrade_from_script(script.revision_map, step)]
        begin, to = step.revision, (parents or ("base",))[0]
    else:
        steps = lambda revision, context: script._upgrade_revs(step.revision, parents)
        begin, to = parents or "base", step.revision
    problem = None
    try:
        with EnvironmentContext(config, script, fn=steps, as_sql=True, starting_rev=begin, destination_rev=to):
            script.run_env()
    except (Exception, SystemExit) as error:
        problem = error
    return buffer.getvalue(), problem
'''
