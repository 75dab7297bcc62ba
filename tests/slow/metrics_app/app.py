# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app that takes as long as it is told to, and counts with prometheus_client what it did."""

from __future__ import annotations

import os
import time

from flask import Flask, Response, abort, request
from prometheus_client import CollectorRegistry, Counter, generate_latest, multiprocess

app = Flask(__name__, static_folder=None)
ORDERS = Counter("shop_orders", "Orders.", ["kind"])


@app.get("/")
def index() -> str:
    return "well"


@app.put("/tasks/<int:number>")
def work(number: int) -> str:
    """Take as many milliseconds as the query says."""
    time.sleep(int(request.args["ms"]) / 1000)
    return f"{number} {os.getpid()}"


@app.post("/orders")
def order() -> tuple[str, int]:
    ORDERS.labels("book").inc()
    return "", 201


@app.get("/fails")
def fails() -> None:
    time.sleep(int(request.args.get("ms", 0)) / 1000)
    abort(500)


@app.get("/metrics")
def metrics() -> Response:
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return Response(generate_latest(registry), mimetype="text/plain")
