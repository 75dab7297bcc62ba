# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a built release says of itself before it may run; tiny apps and a stand-in for gunicorn's importer."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._migration import probe as migration_probe
from ansible_collections.slipway.flask.plugins.module_utils._migration import question
from ansible_collections.slipway.flask.plugins.module_utils._migration.probe import Probe
from ansible_collections.slipway.flask.plugins.module_utils._python import stuck
from ansible_collections.slipway.flask.plugins.module_utils._release import probe as release_probe
from ansible_collections.slipway.flask.plugins.module_utils._release import progress
from fake_host import request_with

# What gunicorn.util.import_app does with `module:app` and `module:create_app()`.
IMPORT_APP = """
import importlib

def import_app(entry):
    module, name = entry.split(":")
    call = name.endswith("()")
    found = getattr(importlib.import_module(module), name.removesuffix("()"))
    return found() if call else found
"""
FLASK = """
class Flask:
    def __init__(self, debug=False, key="k" * 32):
        self.debug, self.config, self.extensions = debug, {"SECRET_KEY": key}, {}
"""
ALEMBIC = {
    "alembic/__init__.py": "",
    "alembic/migration.py": """
class MigrationContext:
    configure = classmethod(lambda cls, connection, opts: cls())
    get_current_heads = lambda self: ("b2", "a1")
""",
    "alembic/script.py": """
import types

STEPS = [types.SimpleNamespace(revision=name, doc=f"Step {name}", path=f"/x/{name}_step.py") for name in ("c3", "b2", "a1")]

class ScriptDirectory:
    from_config = classmethod(lambda cls, config: cls())
    get_heads = lambda self: ["c3"]
    walk_revisions = lambda self: STEPS
    iterate_revisions = lambda self, upper, lower, implicit_base=False: [one for one in STEPS if one.revision not in lower]
""",
    "migrated.py": """
import contextlib, types
from tinyflask import Flask

def connect():
    if fails:
        raise OSError("could not connect to server\\nis it up?")
    return contextlib.nullcontext(types.SimpleNamespace(dialect=types.SimpleNamespace(name="sqlite")))

fails = False
app = Flask()
app.app_context = contextlib.nullcontext
config = types.SimpleNamespace(get_config=lambda directory: None)
engine = types.SimpleNamespace(connect=connect)
app.extensions["migrate"] = types.SimpleNamespace(
    migrate=config, directory="migrations", configure_args={}, db=types.SimpleNamespace(engine=engine))
""",
}


def probed(
    folder: Path, files: dict[str, str], entry: str = "app:app", ask: dict[str, Any] | None = None
) -> tuple[Probe, str, str, int]:
    """Run the probe over FILES and ASK it; return its answer, what else was printed, standard error and exit status."""
    for name, text in {
        "gunicorn/__init__.py": "",
        "gunicorn/util.py": IMPORT_APP,
        "tinyflask.py": FLASK,
        **files,
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    command = [sys.executable, "-S", "-E", "-B", "-c", question.SCRIPT, entry, json.dumps(ask or {})]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    return *migration_probe.read(done.stdout), done.stderr, done.returncode


def test_an_app_that_imports_is_told_apart_from_one_of_flask(tmp_path: Path) -> None:
    found, printed, _, status = probed(tmp_path, {"app.py": "app = lambda environ, start: []\n"})
    assert (found, printed.strip(), status) == (Probe(error=""), "", 0)


@pytest.mark.parametrize(
    ("app", "entry", "debug", "key"),
    [
        ("app = Flask()", "app:app", False, "k" * 32),
        ("def create_app(): return Flask()", "app:create_app()", False, "k" * 32),
        ("app = Flask(debug=True)", "app:app", True, "k" * 32),
        ("app = Flask(key=None)", "app:app", False, None),
        ("app = Flask(key=b'\\xff0123')", "app:app", False, "\xff0123"),
        ("app = Flask(key=12345)", "app:app", False, "12345"),
    ],
)
def test_a_flask_app_tells_its_debug_mode_and_its_key(
    tmp_path: Path, app: str, entry: str, debug: bool, key: str | None
) -> None:
    found, _, error, status = probed(tmp_path, {"app.py": f"from tinyflask import Flask\n{app}\n"}, entry)
    assert (found, status) == (Probe(error="", flask=True, debug=debug, secret_key=key), 0), error


@pytest.mark.parametrize(
    ("app", "entry", "message"),
    [
        ("import flask_that_is_missing", "app:app", "ModuleNotFoundError: No module named 'flask_that_is_missing'"),
        ("from tinyflask import Flaks", "app:app", "ImportError: cannot import name 'Flaks'"),
        ("def app(:", "app:app", "SyntaxError: invalid syntax"),
        ("import sys; sys.exit('DATABASE_URL is not set')", "app:app", "SystemExit: DATABASE_URL is not set"),
        ("import os; os.environ['NO_SUCH_SETTING']", "app:app", "KeyError: 'NO_SUCH_SETTING'"),
        ("raise KeyboardInterrupt", "app:app", "KeyboardInterrupt: "),
        ("app = 1", "nothing:app", "ModuleNotFoundError: No module named 'nothing'"),
        ("app = 1", "app:application", "AttributeError: module 'app' has no attribute 'application'"),
    ],
)
def test_an_app_that_does_not_import_tells_why(tmp_path: Path, app: str, entry: str, message: str) -> None:
    found, _, error, status = probed(tmp_path, {"app.py": app}, entry)
    assert found.error.startswith(message)
    assert "Traceback (most recent call last)" in error
    assert status == 1


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (
            "raise ValueError('no handler') from error",
            "ValueError: no handler, after FileNotFoundError: [Errno 2] No such",
        ),
        ("raise ValueError('no handler')", "ValueError: no handler, after FileNotFoundError: [Errno 2] No such file"),
        ("raise", "FileNotFoundError: [Errno 2] No such file or directory: 'logs/error.log'"),
        ("failed = error\nraise ValueError('no handler')", "ValueError: no handler"),
    ],
)
def test_what_an_error_was_raised_after_is_told(tmp_path: Path, raised: str, message: str) -> None:
    found = probed(tmp_path, {"app.py": f"try:\n    open('logs/error.log')\nexcept OSError as error:\n    {raised}\n"})[
        0
    ]
    assert found.error.startswith(message)
    assert ("after" in found.error) is ("after" in message)


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"gunicorn/util.py": "import pkg_resources_that_is_gone", "gunicorn-20.0.4.dist-info/METADATA": "Version: 20.0.4"},
         "20.0.4"),
        ({"gunicorn/util.py": "raise ModuleNotFoundError('gunicorn')"}, ""),
    ],
)  # fmt: skip
def test_a_gunicorn_that_does_not_run_is_not_taken_for_the_app(
    tmp_path: Path, files: dict[str, str], version: str
) -> None:
    found, _, error, status = probed(tmp_path, {"app.py": "app = 1", **files})
    assert (found.gunicorn, status) == (version, 1), error
    assert found.error.startswith("ModuleNotFoundError: ")
    assert found.python.startswith("3.")


def test_code_that_this_python_cannot_read_is_told_with_the_python(tmp_path: Path) -> None:
    found, _, _, _ = probed(tmp_path, {"app.py": "app = lambda: 1\nwith new syntax:\n"})
    assert found.error.startswith("SyntaxError: ")
    assert found.python == ".".join(map(str, sys.version_info[:3]))


def test_an_app_that_ends_the_process_gives_no_answer(tmp_path: Path) -> None:
    found, _, _, _ = probed(tmp_path, {"app.py": "import os; os._exit(0)"})
    assert found.error == "it ended without an answer"


@pytest.mark.parametrize("printed", ["hello\n", "no newline at its end", "{}\n[1]\n"])
def test_what_an_app_prints_is_not_taken_for_the_answer(tmp_path: Path, printed: str) -> None:
    found, rest, _, _ = probed(tmp_path, {"app.py": f"import sys\nsys.stdout.write({printed!r})\napp = 1\n"})
    assert (found.error, rest.strip()) == ("", printed.strip())


ASGI_FUNCTION = "async def app(scope, receive, send): pass"
ASGI_OBJECT = "class App:\n    async def __call__(self, scope, receive, send): pass\napp = App()"
PLAIN_ASGI = "def app(scope, receive, send): return inner(scope, receive, send)"
WSGI_OBJECT = "class App:\n    def __call__(self, environ, start_response): return []\napp = App()"
SET = "set `worker_class: asgi`"


@pytest.mark.parametrize(
    ("app", "kind", "said"),
    [
        (ASGI_FUNCTION, "gthread", SET),
        (ASGI_OBJECT, "gthread", SET),
        (ASGI_OBJECT, "gevent", SET),
        (ASGI_FUNCTION, "asgi", ""),
        (ASGI_OBJECT, "asgi", ""),
        (PLAIN_ASGI, "asgi", ""),
        ("def app(environ, start_response): return []", "asgi", "remove `worker_class`"),
        (WSGI_OBJECT, "asgi", "remove `worker_class`"),
        (WSGI_OBJECT, "gthread", ""),
        ("def app(*args, **kwargs): return inner(*args)", "asgi", ""),
        ("def app(*args, **kwargs): return inner(*args)", "gthread", ""),
    ],
)
def test_an_app_of_the_other_kind_than_its_workers_is_refused_with_the_way_out(
    tmp_path: Path, app: str, kind: str, said: str
) -> None:
    files = {"app.py": app, "gunicorn.conf.py": f"workers, worker_class = 2, {kind!r}\n"}
    found, *_ = probed(tmp_path, files, ask={"gunicorn": str(tmp_path / "gunicorn.conf.py")})
    assert found.served
    assert said in found.miscalled
    assert bool(found.miscalled) is bool(said)


def test_a_gunicorn_that_the_settings_refuse_is_told_before_anything_starts(tmp_path: Path) -> None:
    files = {"app.py": ASGI_FUNCTION, "gunicorn.conf.py": "raise RuntimeError('needs gunicorn 27 or later')\n"}
    found, *_ = probed(tmp_path, files, ask={"gunicorn": str(tmp_path / "gunicorn.conf.py")})
    assert found.miscalled == "needs gunicorn 27 or later"


SOCKETIO = """
import types
from tinyflask import Flask

class PubSubManager: pass
class RedisManager(PubSubManager): pass
class Manager: pass

def made(manager, **settings):
    app = Flask()
    eio = types.SimpleNamespace(**settings)
    app.extensions["socketio"] = types.SimpleNamespace(server=types.SimpleNamespace(manager=manager, eio=eio))
    return app

both, only = ["polling", "websocket"], ["websocket"]
"""


@pytest.mark.parametrize(
    ("app", "workers", "words"),
    [
        ("made(Manager(), transports=both)", 1, ""),
        ("made(Manager(), transports=both)", 5, "would have 5 workers, but its long polling needs all requests"),
        ("made(RedisManager(), transports=both)", 5, "its long polling needs all requests of a visitor"),
        ("made(RedisManager())", 2, "its long polling needs all requests of a visitor"),
        ("made(Manager(), transports=only)", 2, "without a message queue, what one of them emits reaches only"),
        ("made(RedisManager(), transports=only)", 5, ""),
        ("Flask()", 5, ""),
    ],
)
def test_visitors_whom_several_workers_would_not_reach_are_told_of(
    tmp_path: Path, app: str, workers: int, words: str
) -> None:
    files = {"app.py": f"{SOCKETIO}\napp = {app}\n", "gunicorn.conf.py": f"workers, threads = {workers}, 4\n"}
    found, *_ = probed(tmp_path, files, ask={"gunicorn": str(tmp_path / "gunicorn.conf.py")})
    assert found.error == ""
    assert words in found.apart
    assert bool(found.apart) is bool(words)


def test_migration_heads_are_told_where_flask_migrate_is_in_use(tmp_path: Path) -> None:
    found, _, _, _ = probed(tmp_path, ALEMBIC, "migrated:app")
    assert (found.heads, found.current, found.note) == (("c3",), ("a1", "b2"), "")
    assert not found.at_head
    assert [(one.revision, one.title, one.file, one.sql) for one in found.pending] == [
        ("c3", "c3 (Step c3)", "c3_step.py", "")
    ]
    assert found.unknown == ()


def test_flask_db_of_an_app_without_flask_migrate_is_told_with_what_to_set(tmp_path: Path) -> None:
    files = {"app.py": "from tinyflask import Flask\napp = Flask()\n"}
    found, _, _, _ = probed(tmp_path, files, ask={"commands": [["flask", "db", "upgrade"]]})
    assert found.heads is None
    assert found.note == (
        "the app has no Flask-Migrate: set `release_commands` to the commands that bring its database up to date, "
        "or to [] if there are none"
    )


def test_a_revision_that_the_code_does_not_have_is_told(tmp_path: Path) -> None:
    files = {**ALEMBIC, "alembic/migration.py": ALEMBIC["alembic/migration.py"].replace('("b2", "a1")', '("d4",)')}
    found, _, _, _ = probed(tmp_path, files, "migrated:app")
    assert (found.current, found.unknown, found.pending) == (("d4",), ("d4",), ())


def test_a_database_that_can_not_be_reached_leaves_its_head_unknown(tmp_path: Path) -> None:
    files = {**ALEMBIC, "migrated.py": ALEMBIC["migrated.py"].replace("fails = False", "fails = True")}
    found, _, _, status = probed(tmp_path, files, "migrated:app")
    assert (found.error, found.heads, found.current, status) == ("", ("c3",), None, 0)
    assert found.note == "OSError: could not connect to server"


@pytest.mark.parametrize(
    ("heads", "current", "at_head"),
    [(("a",), ("a",), True), (("a", "b"), ("a", "b"), True), (("a",), ("b",), False), (("a",), None, False),
     (None, None, False), ((), (), False)],
)  # fmt: skip
def test_the_database_is_at_head_only_when_that_is_known(
    heads: tuple[str, ...] | None, current: tuple[str, ...] | None, at_head: bool
) -> None:
    assert Probe(heads=heads, current=current).at_head is at_head


def test_the_last_answer_counts() -> None:
    rows = [
        f"{migration_probe.MARK}{json.dumps({'error': text, 'heads': None, 'current': None})}"
        for text in ("forged", "")
    ]
    assert migration_probe.read("\n".join([rows[0], "text", rows[1]])) == (Probe(error=""), "text")


# ---- where nothing can be written --------------------------------------------------------------------------------------

SQLITE = """
import sqlite3
database = sqlite3.connect("shop.db")
{}
app = lambda environ, start: []
"""


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_an_app_that_writes_to_sqlite_at_import_changes_nothing_and_is_told_the_line(tmp_path: Path, mode: str) -> None:
    database = sqlite3.connect(tmp_path / "shop.db")
    database.execute(f"PRAGMA journal_mode={mode}")
    database.execute("CREATE TABLE ships (id)")
    database.commit()
    app = SQLITE.format('database.execute("DROP TABLE ships"); database.commit()')
    found, _, _, _ = probed(tmp_path, {"app.py": app})
    assert found.unwritable == ("attempt to write a readonly database", "app.py:4")
    assert database.execute("SELECT count(*) FROM ships").fetchone() == (0,)
    database.close()


def test_an_app_that_only_reads_sqlite_at_import_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("CREATE TABLE ships (id)")
    found, printed, error, _ = probed(
        tmp_path, {"app.py": SQLITE.format('print(database.execute("SELECT count(*) FROM ships").fetchone())')}
    )
    assert (found.error, found.wrote, printed.strip()) == ("", (), "(0,)"), error


def test_a_database_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    found, _, error, _ = probed(tmp_path, {"app.py": SQLITE.format('database.execute("CREATE TABLE a (b)")')})
    assert found.error == "", error
    assert not (tmp_path / "shop.db").exists()


def test_an_app_that_makes_its_tables_in_one_connection_finds_them_in_the_next(tmp_path: Path) -> None:
    app = """
        with sqlite3.connect("shop.db") as one:
            one.execute("CREATE TABLE a (b)").execute("INSERT INTO a VALUES (1)")
        one.close()
        with sqlite3.connect("shop.db", isolation_level=None) as next_one:
            print(next_one.execute("SELECT b FROM a").fetchall())
    """
    found, printed, error, _ = probed(tmp_path, {"app.py": SQLITE.format(textwrap.dedent(app))})
    assert (found.error, printed.strip()) == ("", "[(1,)]"), error
    assert not (tmp_path / "shop.db").exists()


def test_the_right_to_write_is_given_when_it_is_asked_for(tmp_path: Path) -> None:
    app = SQLITE.format('database.execute("CREATE TABLE a (b)"); database.commit()')
    probed(tmp_path, {"app.py": app}, ask={"write": True})
    assert sqlite3.connect(tmp_path / "shop.db").execute("SELECT count(*) FROM a").fetchone() == (0,)


def test_a_session_of_libpq_is_told_to_be_read_only_and_keeps_its_options(tmp_path: Path) -> None:
    app = "import os\nprint(os.environ['PGOPTIONS'])\napp = lambda environ, start: []\n"
    assert probed(tmp_path, {"app.py": app})[1].strip() == "-c default_transaction_read_only=on"
    told = probed(
        tmp_path, {"app.py": f"import os\nos.environ.setdefault('PGOPTIONS', '')\n{app}"}, ask={"pooler": True}
    )
    assert told[1].strip() == "", "a pooler takes none"


@pytest.mark.parametrize(
    "left",
    ["import threading, time; threading.Thread(target=time.sleep, args=(600,), name='poller').start()",
     "import atexit, time; atexit.register(time.sleep, 600)",
     "import subprocess; subprocess.Popen(['sleep', '600'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)"],
    ids=["a thread", "a last word", "a program"],
)  # fmt: skip
def test_the_check_ends_when_it_has_its_answer_whatever_the_app_has_started(tmp_path: Path, left: str) -> None:
    found, _, error, status = probed(tmp_path, {"app.py": f"{left}\napp = lambda environ, start: []\n"})
    assert (found.error, status) == ("", 0), error
    assert found.threads == (("poller",) if "poller" in left else ())


def test_an_import_that_does_not_end_is_ended_and_says_where_it_was(tmp_path: Path) -> None:
    app = "import socketserver\nsocketserver.TCPServer(('127.0.0.1', 0), None).serve_forever()\n"
    found, _, error, _ = probed(tmp_path, {"app.py": app}, ask={"seconds": 1})
    assert found.error == "it ended without an answer"
    context: Any = SimpleNamespace(src=tmp_path, request=request_with(check_seconds=1))
    told = release_probe.why(context, found, error)
    assert "did not finish after 1 s (check_seconds), at app.py, line 2: a server is started" in told


@pytest.mark.parametrize(
    ("module", "doing"),
    [("werkzeug/serving.py", "a server is started"), ("psycopg/connection.py", "does not answer"),
     ("apscheduler/schedulers/blocking.py", "a scheduler that blocks"), ("threading.py", "a thread or a lock"),
     ("subprocess.py", "a program that it has started")],
)  # fmt: skip
def test_what_an_import_is_doing_is_guessed_from_where_it_is(tmp_path: Path, module: str, doing: str) -> None:
    stderr = (
        'Timeout (0:02:00)!\nThread 0x01 (most recent call first):\n  File "/usr/lib/x.py", line 1 in poll\n\n'
        f'Thread 0x02 (most recent call first):\n  File "/usr/lib/{module}", line 7 in go\n'
        f'  File "{tmp_path}/shop/app.py", line 9 in make\n  File "{tmp_path}/wsgi.py", line 2 in <module>\n'
        '  File "<string>", line 700 in <module>\n'
    )
    told = stuck.where(stderr, tmp_path, 120)
    assert told.startswith("after 120 s (check_seconds), at shop/app.py, line 9: ")
    assert doing in told


def test_an_import_that_takes_long_is_told_while_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    said = threading.Event()
    context: Any = SimpleNamespace(tell=lambda text: (told.append(text), said.set()))
    monkeypatch.setattr(release_probe, "WAITING_SECONDS", 0.01)
    with release_probe.waiting(context, 120):
        assert said.wait(20)
    assert told[0] == "check: the app is still being imported, 0 s of at most 120 s"
    assert progress.told(["fetch 0.1", "check", told[0]], 0) == f"fetch 0.1 s, check …, {told[0]}"
    assert progress.told(["check", told[0], "check 12.0"], 0) == f"{told[0]}, check 12.0 s"
