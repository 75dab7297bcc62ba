"""Notes of visitors: a small app as many are, with Flask-SQLAlchemy and Flask-Migrate."""

import os

from flask import Flask, abort, redirect, request
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config["SECRET_KEY"] = os.environ["SECRET_KEY"]
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
db = SQLAlchemy(app)
migrate = Migrate(app, db)


class Note(db.Model):
    __tablename__ = "notes"
    id = db.Column(db.Integer, primary_key=True)
    text = db.Column(db.String(200), nullable=False)


@app.get("/")
def index():
    server = db.session.execute(db.text("SELECT CONCAT(VERSION(), ' ', CURRENT_USER)")).scalar()
    return "\n".join([server, *(note.text for note in db.session.scalars(db.select(Note).order_by(Note.id)))])


@app.post("/")
def add():
    if not request.form.get("text"):
        abort(400)
    db.session.add(Note(text=request.form["text"]))
    db.session.commit()
    return redirect("/")
