# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app says how many connections its pools open; SQLAlchemy, psycopg_pool and psycopg2 are stood in for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._migration import pools

LIBRARIES = {
    "sqlalchemy/__init__.py": "",
    "sqlalchemy/engine/__init__.py": "",
    "sqlalchemy/engine/base.py": """
import types

class QueuePool:
    def __init__(self, size, overflow):
        self._size, self._max_overflow = size, overflow
    def size(self):
        return self._size

class AsyncAdaptedQueuePool(QueuePool): pass
class NullPool: pass
class StaticPool: pass

class Engine:
    def __init__(self, pool, host="db", port=None, dialect="postgresql", query=()):
        self.pool, self.dialect = pool, types.SimpleNamespace(name=dialect, driver="psycopg")
        self.url = types.SimpleNamespace(host=host, port=port, query=dict(query))

class OptionEngine(Engine): pass
""",
    "psycopg/__init__.py": "",
    "psycopg/conninfo.py": "conninfo_to_dict = lambda text: dict(pair.split('=') for pair in text.split())\n",
    "psycopg_pool/__init__.py": "",
    "psycopg_pool/base.py": """
class BasePool:
    def __init__(self, conninfo, min_size, max_size, kwargs=None):
        self.conninfo, self.min_size, self.max_size, self.kwargs = conninfo, min_size, max_size, kwargs
""",
}
BEGIN = "import sys\nfrom sqlalchemy.engine.base import *\n"


def told(folder: Path, app: str) -> list[dict[str, Any]]:
    """Return what an app of this code says of its pools."""
    for name, text in LIBRARIES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    code = f"import json, sys\n{app}\n{pools.SCRIPT}\nprint(json.dumps(pools(globals().get('app'))))"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("app", "wanted"),
    [
        ("", []),
        ("one = Engine(QueuePool(5, 10))", [("db", 0, 15, 0)]),
        ("one = Engine(QueuePool(5, -1))", [("db", 0, 0, 0)]),
        ("one = Engine(QueuePool(5, 0), port=6543)", [("db", 6543, 5, 0)]),
        ("one = Engine(AsyncAdaptedQueuePool(2, 1))", [("db", 0, 3, 0)]),
        ("one = Engine(NullPool())", [("db", 0, 0, 0)]),
        ("one = Engine(StaticPool())", [("db", 0, 1, 0)]),
        ("one = Engine(QueuePool(5, 10), host=None, query={'host': '/run/postgresql', 'port': '5433'})",
         [("/run/postgresql", 5433, 15, 0)]),
        ("one = Engine(QueuePool(5, 10), dialect='sqlite')", []),
        ("one = Engine(QueuePool(5, 10)); two = OptionEngine(one.pool)", [("db", 0, 15, 0)]),
        ("one = Engine(QueuePool(1, 0)); two = Engine(QueuePool(2, 0))", [("db", 0, 1, 0), ("db", 0, 2, 0)]),
        ("from psycopg_pool.base import BasePool; one = BasePool('host=h port=7', 2, 8)", [("h", 7, 8, 2)]),
        ("from psycopg_pool.base import BasePool; one = BasePool('', 0, 0, {'host': 'k'})", [("k", 0, 0, 0)]),
        ("from psycopg_pool.base import BasePool; one = BasePool('?', 2, 8)", []),
    ],
)  # fmt: skip
def test_an_app_s_pools_are_found_wherever_they_are(app: str, wanted: list[tuple[Any, ...]], tmp_path: Path) -> None:
    found = told(tmp_path, BEGIN + app if app else app)
    assert [(one["host"], one["port"], one["most"], one["least"]) for one in found] == wanted


LAZY = """
import contextlib, types
from sqlalchemy.engine.base import *

made = []
def get_engine(app, bind):
    made.append(Engine(QueuePool(5, 10), host=bind or "main"))
app = types.SimpleNamespace(config={"SQLALCHEMY_BINDS": {"other": "x"}}, app_context=contextlib.nullcontext)
app.extensions = {"sqlalchemy": types.SimpleNamespace(db=types.SimpleNamespace(get_engine=get_engine))}
"""


def test_engines_that_flask_sqlalchemy_2_makes_late_are_made(tmp_path: Path) -> None:
    assert [one["host"] for one in told(tmp_path, LAZY)] == ["main", "other"]


PROXY = """
from sqlalchemy.engine.base import *

class Proxy:
    @property
    def __class__(self):
        raise RuntimeError("working outside of a request")

proxy, one = Proxy(), Engine(QueuePool(5, 10))
"""


def test_objects_that_only_exist_in_a_request_are_not_asked(tmp_path: Path) -> None:
    assert len(told(tmp_path, PROXY)) == 1
