"""FastAPI, with an app of Quart's and one of Flask's below it: the three kinds of ASGI apps that people have."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from asgiref.wsgi import WsgiToAsgi
from fastapi import FastAPI, Response, WebSocket
from flask import Flask
from quart import Quart

RELEASE = os.environ.get("RELEASE_ID", "")
started = False


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    global started
    started = True
    if Path("no_pool").exists():
        raise RuntimeError("the pool of connections did not open")
    yield


app = FastAPI(lifespan=lifespan)
flask = Flask("flask")
quart = Quart("quart")


@app.get("/")
async def index(response: Response) -> dict[str, bool]:
    response.headers["X-Release"] = RELEASE
    return {"started": started}


@app.get("/slow")
async def slow(response: Response) -> str:
    await asyncio.sleep(3)
    response.headers["X-Release"] = RELEASE
    return "slow"


@app.get("/log")
async def log() -> str:
    logging.getLogger("shop").warning("looked into the hold")
    return "logged"


@app.get("/fails")
async def fails() -> None:
    raise ValueError("no cargo")


@app.websocket("/ws")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(f"{text} {RELEASE}")


@flask.get("/")
def of_flask() -> str:
    return "of flask"


@quart.get("/")
async def of_quart() -> str:
    return "of quart"


app.mount("/flask", WsgiToAsgi(flask))
app.mount("/quart", quart)
