"""An app that must be one process: it keeps its rows in memory, and all of them in one file.

A second process would have loaded them before the first one wrote its last. So one that is not alone refuses to start.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from pathlib import Path

from flask import Flask, Response, jsonify, request

FILE = Path(os.environ["LEDGER"])
if "RUNTIME_DIRECTORY" in os.environ:  # the service; commands and checks only look
    guard = FILE.with_suffix(".lock").open("w")
    fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)

app = Flask(__name__)
rows: list[str] = json.loads(FILE.read_text()) if FILE.exists() else []
lock = threading.Lock()


@app.get("/")
def index() -> Response:
    return jsonify(release=os.environ["RELEASE_ID"], rows=rows)


@app.post("/")
def add() -> tuple[str, int]:
    with lock:
        rows.append(request.form["row"])
        new = FILE.with_suffix(".new")
        new.write_text(json.dumps(rows))
        new.replace(FILE)
    return os.environ["RELEASE_ID"], 201
