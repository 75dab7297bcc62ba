# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a built release says of itself before it may run; tiny apps and a stand-in for gunicorn's importer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils import _app_probe
from ansible_collections.slipway.flask.plugins.module_utils._app_probe import Probe

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


def probed(folder: Path, files: dict[str, str], entry: str = "app:app") -> tuple[Probe, str, str, int]:
    """Run the probe over FILES; return its answer, what else was printed, standard error and exit status."""
    for name, text in {
        "gunicorn/__init__.py": "",
        "gunicorn/util.py": IMPORT_APP,
        "tinyflask.py": FLASK,
        **files,
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    command = [sys.executable, "-S", "-E", "-B", "-c", _app_probe.SCRIPT, entry]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return *_app_probe.read(done.stdout), done.stderr, done.returncode


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


def test_migration_heads_are_told_where_flask_migrate_is_in_use(tmp_path: Path) -> None:
    found, _, _, _ = probed(tmp_path, ALEMBIC, "migrated:app")
    assert (found.heads, found.current, found.note) == (("c3",), ("a1", "b2"), "")
    assert not found.at_head
    assert [(one.revision, one.title, one.file, one.sql) for one in found.pending] == [
        ("c3", "c3 (Step c3)", "c3_step.py", "")
    ]
    assert found.unknown == ()


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
        f"{_app_probe.MARK}{json.dumps({'error': text, 'heads': None, 'current': None})}" for text in ("forged", "")
    ]
    assert _app_probe.read("\n".join([rows[0], "text", rows[1]])) == (Probe(error=""), "text")
