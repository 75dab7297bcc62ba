# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What of a source is dangerous on the internet is named with its place, and what is not is not named."""

from __future__ import annotations

from pathlib import Path

import pytest
from described import HELLO, app_of

FORM = """from flask import Flask, request, session
app = Flask(__name__)
@app.post("/")
def index():
    session["a"] = request.form["a"]
"""
SHOWN = [
    ("app.py", HELLO + "app.run()\n", "app.py:6 runs app.run() when it is imported"),
    ("app.py", HELLO + 'app.config["DEBUG"] = True\n', "app.py:6 switches DEBUG on"),
    ("app.py", HELLO + 'app.secret_key = "abc"\n', "app.py:6 has the secret key in the code"),
    ("app.py", HELLO + "import os\napp.secret_key = os.urandom(16)\n", "app.py:7 makes a new secret key at each start"),
    ("app.py", HELLO + "from flask_cors import CORS\nCORS(app)\n", "app.py:7 lets every other site read the answers"),
    ("app.py", FORM, "app.py:4 takes a form and nothing checks a CSRF token"),
    (
        "app.py",
        HELLO + 'import sqlite3\nDATABASE = "shop.db"\n',
        "app.py:7 keeps SQLite's file shop.db beside the code",
    ),
    ("app.py", HELLO + 'def log():\n    open("out.txt", "w")\n', "app.py:7 writes out.txt beside the code"),
]
SHOWN.append(("app.py", HELLO + 'UPLOAD_FOLDER = "/tmp/files"\n', "app.py:6 UPLOAD_FOLDER keeps files in /tmp/files"))
QUIET = [
    ("app.py", HELLO + 'if __name__ == "__main__":\n    app.run(debug=True)\n'),
    ("config.py", "class DevelopmentConfig:\n    DEBUG = True\n"),
    ("app.py", HELLO + 'from flask_cors import CORS\nCORS(app, origins=["https://example.com"])\n'),
    ("app.py", HELLO + 'def log():\n    open("/var/log/x", "w")\n    open("a")\n'),
    ("tests/test_app.py", 'app.config["DEBUG"] = True\n'),
]


@pytest.mark.parametrize(("name", "text", "said"), SHOWN, ids=[row[2] for row in SHOWN])
def test_a_danger_is_named(tmp_path: Path, name: str, text: str, said: str) -> None:
    assert said in "\n".join(app_of(tmp_path, {name: text}).dangers)


@pytest.mark.parametrize(("name", "text"), QUIET)
def test_what_is_no_danger_is_not_named(tmp_path: Path, name: str, text: str) -> None:
    assert app_of(tmp_path, {"app.py": HELLO, name: text}).dangers == []
