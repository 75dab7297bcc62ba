# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Whether an app writes when it is imported: a line where a first start does for sure, a suggestion where it may."""

from __future__ import annotations

from pathlib import Path

import pytest
from describe import page
from described import HELLO, app_of

LINE, OFFER, NOTHING = "    writes_at_import: true", "    # writes_at_import: true", ""
FOLDER = 'import json, os, pathlib, shutil\nos.makedirs("data", exist_ok=True)\n'
DATABASE = "from flask import Flask\nfrom models import User, db\n"
FACTORY = "def create_app():\n    app = Flask(__name__)\n"
MODELS = "from flask_sqlalchemy import SQLAlchemy\ndb = SQLAlchemy()\nclass User(db.Model):\n    pass\n"


def seeds(*lines: str) -> dict[str, str]:
    body = "".join(f"    {line}\n" for line in lines)
    return {"app.py": f"{DATABASE}{FACTORY}{body}    return app\n", "models.py": MODELS}


def files(*lines: str) -> dict[str, str]:
    return {"app.py": FOLDER + HELLO + "".join(f"{line}\n" for line in lines)}


CASES = [
    ("a file in a shared folder", files('with open("data/x.json", "w") as f:', "    json.dump({}, f)"), LINE),
    (
        "a file that a first start does not find",
        files('if not os.path.exists("data/x"):', '    open("data/x", "wb").close()'),
        LINE,
    ),
    ("a file of pathlib's", files('pathlib.Path("data/x").write_text("")'), LINE),
    ("a copy", files('shutil.copy("default.json", "data/x.json")'), LINE),
    ("a file that a module writes which the entry imports", {
        "app.py": HELLO + "import other\n", "other.py": FOLDER + 'open("data/x", "a")\n'}, LINE),
    ("a function of another module that the entry calls", {
        "app.py": HELLO + "import other\nother.prepare()\n",
        "other.py": FOLDER + 'def prepare():\n    open("data/x", "w")\n'}, LINE),
    ("a file of a name that nobody knows", files('open(os.environ["STATE"], "w")'), OFFER),
    ("a file that is written on a condition", files('if os.environ.get("X"):', '    open("data/x", "w")'), OFFER),
    ("a file that is only there later", files('if os.path.exists("data/x"):', '    open("data/x", "w")'), NOTHING),
    ("a file that is read", files('open("data/x")'), NOTHING),
    ("a file below /tmp", files('open("/tmp/x", "w")'), NOTHING),
    ("a file that a page writes", files("def save():", '    open("data/x", "w")'), NOTHING),
    ("a file that only `python app.py` writes", files('if __name__ == "__main__":', '    open("data/x", "w")'), NOTHING),
    ("a file whose failure is caught", files("try:", '    open("data/x", "w")', "except OSError:", "    pass"), NOTHING),
    ("a log in a shared folder", files("import logging", 'logging.FileHandler("data/x.log")'), NOTHING),
    ("a folder", files(), NOTHING),
    ("a module that only a worker imports", {
        "app.py": HELLO, "tasks.py": FOLDER + 'open("data/x", "w")\n'}, NOTHING),
    ("a row of a first start", seeds(
        "if not User.query.first():", "    db.session.add(User())", "    db.session.commit()"), LINE),
    ("a row when none is counted", seeds(
        "if User.query.count() == 0:", "    db.session.add(User())", "    db.session.commit()"), LINE),
    ("a commit of nothing that can be seen", seeds("db.session.commit()"), OFFER),
    ("tables that create_all() makes", seeds("db.create_all()"), NOTHING),
    ("a commit of a command", seeds(
        "@app.cli.command()", "def seed():", "    db.session.add(User())", "    db.session.commit()"), NOTHING),
    ("a seed that a start without tables does not reach", seeds(
        "try:", "    User.query.all()", "except RuntimeError:", "    return app",
        "db.session.add(User())", "db.session.commit()"), OFFER),
    ("a statement", {"app.py": HELLO + "import sqlite3\nsqlite3.connect('data/x.db').execute("
                     "'create table if not exists a (b)')\n"}, LINE),
    ("a question", {"app.py": HELLO + "import sqlite3\nsqlite3.connect('data/x.db').execute('SELECT 1')\n"}, NOTHING),
    ("a statement in pieces", {"app.py": HELLO + "from db import con, NAME\ncon.execute(f'ALTER TABLE {NAME} ADD x')\n"}, LINE),
    ("a file with SQL, of a factory that looks for its tables first", {
        "shop/__init__.py": f"from flask import Flask\n{FACTORY}    from . import db\n    there = db.tables_exist()\n"
        "    exists = there\n    if not exists:\n        db.init()\n    return app\n",
        "shop/db.py": "def tables_exist():\n    return False\ndef init():\n    for one in open('schema.sql').read().split(';'):\n"
        "        cursor().execute(one)\n"}, LINE),
    ("a condition of many cases", files(
        "if x == 0:", "    pass", *(line for n in range(150) for line in (f"elif x == {n}:", "    pass"))), NOTHING),
    ("a sum of many pieces", files("x = " + "+".join(["f()"] * 900)), NOTHING),
    ("functions that call each other", {
        "app.py": HELLO + "def a():\n    b()\ndef b():\n    a()\na()\n"}, NOTHING),
]  # fmt: skip


@pytest.mark.parametrize(("source", "line"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_an_app_that_writes_when_it_is_imported(tmp_path: Path, source: dict[str, str], line: str) -> None:
    found = [row for row in page.entry(app_of(tmp_path, source)).splitlines() if "writes_at_import:" in row]
    assert [row.partition("  # ")[0].rstrip() if not row.startswith("    #") else OFFER for row in found] == (
        [line] if line else []
    )
