# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The app of test_logs.py: it logs as Flask does by itself, and knows nothing of requests' ids."""

REQUIREMENTS = """\
flask==3.1.3
psycopg[binary]==3.3.4
rq==3.0.0
"""
CODE = """\
import os
import re

import psycopg
from flask import Flask, request
from redis import Redis
from rq import Queue, Worker

app = Flask(__name__)
redis = Redis.from_url(os.environ["REDIS_URL"])


def mail(name):
    print("mail to " + name, flush=True)


@app.get("/")
def index():
    app.logger.warning("a visitor of the first page")
    return "hello"


@app.get("/evil")
def evil():
    app.logger.warning("evil\\x1b]0;owned\\x07\\x1b[2J \\u202e " + request.args.get("text", ""))
    return "evil"


@app.get("/boom")
def boom():
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("SELECT 1 FROM no_such_table_" + re.sub("[^a-z]", "", request.args["name"]))
    return "never"


@app.get("/queue")
def queue():
    return Queue("jobs", connection=redis).enqueue(mail, request.args["name"]).id


@app.cli.command("worker")
def worker():
    Worker(["jobs"], connection=redis).work()
"""
