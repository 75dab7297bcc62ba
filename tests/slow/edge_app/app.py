# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app without database that does what a front has to care for: it streams, hands out files, is slow, and fails."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from flask import Flask, Response, request
from flask_sock import Server, Sock

VERSION = "one"
app = Flask(__name__, static_folder=None)
sock = Sock(app)


@app.after_request
def _stamp(response: Response) -> Response:
    response.headers["X-Python"] = os.environ["RELEASE_ID"]
    return response


@app.get("/")
def index() -> dict[str, str | None]:
    return {"version": VERSION, "client": request.headers.get("X-Forwarded-For")}


@app.get("/slow")
def slow() -> str:
    time.sleep(float(request.args["seconds"]))
    return "at last"


@app.get("/big")
def big() -> str:
    return "x" * 1_000_000


@app.get("/own/<int:status>")
def own(status: int) -> tuple[str, int]:
    return f"the app's own {status}", status


@app.route("/login", methods=["GET", "POST"])
def login() -> str:
    return "wrong password"


@app.post("/upload")
def upload() -> dict[str, int]:
    return {"bytes": len(request.get_data())}


@app.get("/download/<name>")
def download(name: str) -> Response:
    headers = {"X-Accel-Redirect": f"/protected/{name}", "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(headers=headers, mimetype="text/csv")


@app.get("/events")
def events() -> Response:
    def sent() -> Iterator[str]:
        yield f"data: {time.time()}\n\n"
        time.sleep(3)  # longer than the app may be silent elsewhere
        yield f"data: {time.time()}\n\n"

    return Response(sent(), mimetype="text/event-stream")


@sock.route("/ws")
def echo(ws: Server) -> None:
    while True:
        ws.send(f"heard {ws.receive()}")
