# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How an app is imported where nothing can be written, and brought to an end when the question is answered.

`SCRIPT` runs under the app's own Python (3.9 or later) before the app's first line. The unit around it makes the file system
read-only; this is what the file system can't do: databases, each by its dialect (`_database/`). What apps most often do at
import, `create_all()` and Alembic's `upgrade`, is left out and told.

Weighed: a read-only role (only a local server's, and the app's own rights are then not tried), a scratch database (not its
data, not its revision), SET SESSION (a pooler would hand the session on to the site). It is a guard against accidents:
an app that wants to can write to its own database anyhow.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

SCRIPT = r'''
import errno, faulthandler, functools, importlib.util, inspect, logging, os, re, sys, threading

READ_ONLY = re.compile(r"in a read-only transaction|in a READ ONLY transaction|attempt to write a readonly database|\b25006\b")
postponed = []  # what the app would have written while it was imported: [what, where]
configurations = []  # Alembic's, of migrations that the app runs at import
own = os.path.realpath(os.getcwd()) + os.sep


def spot(frames):
    """Return the innermost of FRAMES (file, line) that is of the app's own code, as `file:line`."""
    for file, line in frames:
        full = "" if file.startswith("<") else os.path.realpath(file)
        if full.startswith(own) and "site-packages" not in full:
            return f"{full[len(own):]}:{line}"
    return ""


def caller():
    frames, frame = [], sys._getframe(1)
    while frame:
        frames.append((frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    return spot(frames)


def raised_at(error):
    frames, step = [], error.__traceback__
    while step:
        frames.insert(0, (step.tb_frame.f_code.co_filename, step.tb_lineno))
        step = step.tb_next
    return spot(frames)


def postpone(what, where):
    if not any(one[0] == what for one in postponed):
        postponed.append([" ".join(str(what).split())[:200], where])


def its_own(error, path):
    """Tell whether ERROR is that PATH can't be written now, which the app may write when it serves."""
    if error.errno != errno.EROFS or not isinstance(path, (str, bytes, os.PathLike)):
        return False
    full = os.path.realpath(os.fsdecode(path)) + os.sep
    return any(full.startswith(os.path.realpath(place) + os.sep) for place in ask.get("writable", ()))


def unwritable(error):
    """Return what could not be written, "" when ERROR and what it came of are of another kind."""
    seen = []
    while error is not None and error not in seen:
        seen.append(error)
        if isinstance(error, OSError) and its_own(error, error.filename):
            return f"the file {os.fsdecode(error.filename)}"
        codes = {str(getattr(error, name, "")) for name in ("sqlstate", "pgcode")}
        if "25006" in codes or READ_ONLY.search(str(error)):
            statements = [one.statement for one in seen if getattr(one, "statement", None)]
            return str(statements[-1] if statements else str(error).splitlines()[0])
        error = getattr(error, "orig", None) or error.__cause__ or error.__context__
    return ""


class After:
    """Changes modules right after they were loaded, without loading any by itself."""

    def __init__(self, todo):
        self.todo = todo

    def find_spec(self, name, path=None, target=None):
        if name not in self.todo:
            return None
        change = self.todo.pop(name)
        spec = importlib.util.find_spec(name)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            load = spec.loader.exec_module

            def loaded(module):
                load(module)
                change(module)

            spec.loader.exec_module = loaded
        return spec


def guard_sqlalchemy(sqlalchemy):
    from sqlalchemy import MetaData, Table, event
    from sqlalchemy.engine import Engine

    # With arguments by their names, as SQLAlchemy wants to see them.
    @event.listens_for(Engine, "do_connect")
    def connecting(dialect, conn_rec, cargs, cparams):
        driver = getattr(dialect, "driver", "")
        if "prepares" in found:  # it is asked for
            found["prepares"] = driver == "psycopg" and cparams.get("prepare_threshold", 5) is not None
        dialect_of(dialect.name).connecting(driver, dialect, cparams)

    @event.listens_for(Engine, "begin")
    def begun(conn):
        dialect_of(conn).begun(conn)

    @event.listens_for(Engine, "handle_error")
    def failed(context):
        if unwritable(context.original_exception):
            postpone(context.statement or context.original_exception, caller())

    def tried(name, real):
        @functools.wraps(real)
        def create(*args, **more):
            try:
                return real(*args, **more)
            except Exception as error:
                if not unwritable(error):
                    raise
                postpone(name, caller())

        return create

    MetaData.create_all = tried("create_all()", MetaData.create_all)
    Table.create = tried("Table.create()", Table.create)


def guard_alembic(command):
    def left_out(name, real):
        @functools.wraps(real)
        def run(config, *args, **more):
            if more.get("sql"):
                return real(config, *args, **more)
            configurations.append(config)
            postpone(f"Alembic's {name}", caller())

        run.__signature__ = inspect.signature(real)  # its command line is made of it
        return run

    for name in ("upgrade", "downgrade", "stamp"):
        setattr(command, name, left_out(name, getattr(command, name)))


def guard_files():
    make = os.mkdir

    @functools.wraps(make)
    def mkdir(path, *args, **more):
        try:
            return make(path, *args, **more)
        except OSError as error:
            if not its_own(error, path):
                raise
            postpone(f"the folder {os.fsdecode(path)}", caller())

    os.mkdir = mkdir
    real = logging.FileHandler._open

    def opened(self):
        try:
            return real(self)
        except OSError as error:
            if not its_own(error, self.baseFilename):
                raise
            return open(os.devnull, "w")

    logging.FileHandler._open = opened


def guard():
    """Have nothing written from here on."""
    for dialect in DIALECTS.values():
        dialect.guard()
    sys.meta_path.insert(0, After({"sqlalchemy": guard_sqlalchemy, "alembic.command": guard_alembic}))
    guard_files()


def limit(seconds):
    """End the process after SECONDS, with a word on where each thread was."""
    if seconds:
        faulthandler.dump_traceback_later(seconds, exit=True)


def left():
    """Return the names of threads that keep the process from ending, and of schedulers."""
    main = threading.main_thread()
    others = [one for one in threading.enumerate() if one is not main and one is not threading.current_thread()]
    return sorted({one.name for one in others if not one.daemon or "scheduler" in one.name.lower()})


def end(status):
    """End at once: neither threads, nor schedulers, nor what was registered for the end, are waited for."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    os._exit(status)
'''
"""Needs the dialects' scripts, `found`, and `ask`, a dictionary: `pooler` leaves out what poolers refuse; `writable` are the app's
places when it serves."""
