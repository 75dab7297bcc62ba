# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A migration command run alone, and what is told when it fails; the app has a database without a server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._migration import run as migration_run
from ansible_collections.slipway.flask.plugins.module_utils._migration.run import Ran

FILES = {
    "gunicorn/__init__.py": "",
    "gunicorn/util.py": "def import_app(entry):\n    return __import__(entry.split(':')[0]).app\n",
    "sqlalchemy.py": "text = str\n",
    "alembic/__init__.py": "",
    "alembic/migration.py": """
import pathlib

class MigrationContext:
    configure = classmethod(lambda cls, connection, opts: cls())
    get_current_heads = lambda self: tuple(pathlib.Path("head").read_text().split())
""",
    "shop.py": """
import contextlib, types

app = types.SimpleNamespace(app_context=contextlib.nullcontext, extensions={})
connection = types.SimpleNamespace(begin_nested=lambda: connection, rollback=lambda: None)
engine = types.SimpleNamespace(
    dialect=types.SimpleNamespace(name="sqlite"), connect=lambda: contextlib.nullcontext(connection))
app.extensions["migrate"] = types.SimpleNamespace(configure_args={}, db=types.SimpleNamespace(engine=engine))
""",
    "head": "0004",
}


def run(folder: Path, **changes: Any) -> tuple[Ran, str]:
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    ask = {"argv": ["sh", "-c", "echo 0005 > head"], "wanted": ["0005"], "expected": ["0004"], "dump": None, **changes}
    ask |= {"place": ["flask", "db", "upgrade"], "prefix": migration_run.DUMP_PREFIX}
    command = [sys.executable, "-S", "-E", "-B", "-c", migration_run.SCRIPT, "shop:app", json.dumps(ask)]
    environment = {"PATH": "/usr/bin:/bin", "SLIPWAY_DUMP_PGPASSWORD": "s3cret"}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    return migration_run.read(f"{done.stdout}\n{done.stderr}", done.returncode)


def test_the_command_runs_and_the_heads_before_and_after_are_told(tmp_path: Path) -> None:
    ran, _ = run(tmp_path)
    assert ran == Ran(0, ran=True, before=["0004"], after=["0005"])


def test_a_database_that_another_deploy_has_migrated_needs_nothing(tmp_path: Path) -> None:
    ran, _ = run(tmp_path, wanted=["0004"])
    assert ran == Ran(0, ran=False, before=["0004"], after=["0004"])


def test_a_database_that_is_not_where_it_was_judged_is_left_alone(tmp_path: Path) -> None:
    ran, _ = run(tmp_path, expected=["0003"])
    assert ran == Ran(1, ran=False, failed="moved", before=["0004"], after=["0004"])


def test_a_command_that_fails_half_way_tells_how_far_it_came(tmp_path: Path) -> None:
    ran, output = run(tmp_path, argv=["sh", "-c", "echo 0005 > head; echo broken >&2; exit 3"], wanted=["0006"])
    assert ran == Ran(3, ran=True, failed="command", before=["0004"], after=["0005"])
    assert "broken" in output


def test_a_dump_that_fails_keeps_the_migration_from_running(tmp_path: Path) -> None:
    ran, _ = run(tmp_path, dump=["false"])
    assert ran == Ran(1, ran=False, failed="dump", before=["0004"], after=["0004"])


def test_the_dump_alone_gets_the_password_of_libpq(tmp_path: Path) -> None:
    run(
        tmp_path,
        dump=["sh", "-c", "echo $PGPASSWORD > dumped"],
        argv=["sh", "-c", "echo $PGPASSWORD $SLIPWAY_DUMP_PGPASSWORD > migrated"],
    )
    assert (tmp_path / "dumped").read_text() == "s3cret\n"
    assert (tmp_path / "migrated").read_text() == "\n"


def test_a_run_that_ends_without_an_answer_has_failed() -> None:
    assert migration_run.read("Killed\n", 0) == (Ran(1, failed="command"), "Killed")
