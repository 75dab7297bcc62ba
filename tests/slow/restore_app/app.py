"""A ledger whose rows are in the database and whose papers are in a folder: what a restore must bring back together."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask, Response, jsonify, request
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import text

PAPERS = Path("papers").absolute()

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ.get("DATABASE_URL", f"sqlite:///{PAPERS}/rows.db")
db = SQLAlchemy(app)
Migrate(app, db)


@app.get("/")
def index() -> Response:
    names = db.session.execute(text("SELECT name FROM rows ORDER BY name")).scalars()
    papers = sorted(path.name for path in PAPERS.iterdir() if path.suffix == ".txt")
    return jsonify(release=os.environ["RELEASE_ID"], rows=list(names), papers=papers)


@app.get("/readyz")
def ready() -> str:
    db.session.execute(text("SELECT count(*) FROM rows"))
    return "ready"


@app.post("/")
def add() -> tuple[str, int]:
    """Take in a row, and a paper with it: the paper first, so that no row is without one."""
    name = request.form["row"]
    if request.form.get("paper"):
        (PAPERS / f"{name}.txt").write_text(request.form["paper"])
    db.session.execute(text("INSERT INTO rows (name) VALUES (:name)"), {"name": name})
    db.session.commit()
    return os.environ["RELEASE_ID"], 201
