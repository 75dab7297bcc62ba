# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Redis: `redis`, and the variables that lead to it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from describe import config, settings
from describe.app import TODO, App
from describe.code import called, text
from describe.settings import Read

NAME = re.compile(
    r"(\w+_)?REDIS_?(URL|URI|DSN|TLS_URL|CONNECTION_STRING)|REDIS|(\w+_)?(CELERY_)?(BROKER|RESULT_BACKEND)(_URL)?"
    r"|\w*RATELIMIT_STORAGE_UR[LI]|\w*CACHE_REDIS_URL|RQ_URL|\w*QUEUE_URL|\w*MESSAGE_QUEUE"
)
HOST = re.compile(r"(\w+_)?(REDIS|VALKEY|KV)_?(HOST(NAME)?|SERVER|ADDR(ESS)?)")
CACHE = re.compile(r"CACHE|RATE_?LIMIT|SESSION")
USERS = ("redis", "flask-redis", "rq", "flask-rq2", "flask-rq", "celery", "huey", "dramatiq", "rq-scheduler")


def find(app: App) -> None:
    """Say whether the app needs Redis, and the variables that lead to it."""
    where = app.imports("redis", "flask_redis", "rq", "flask_rq2")
    reads: dict[str, Read] = {}
    for one in settings.reads(app):
        other = isinstance(one.default, str) and bool(re.match(r"(?!rediss?:|unix:)\w+:", one.default))
        if NAME.fullmatch(one.name) and not settings.aside(one.module, one.node) and not other:
            reads.setdefault(one.name, one)
    places = {name: read.where for name, read in reads.items()}
    for name, place in _prefixed(app):
        places.setdefault(name, place)
    by_default = any(
        isinstance(one.default, str) and one.default.startswith(("redis:", "rediss:")) for one in reads.values()
    )
    if not (where or by_default or (app.has(*USERS) and (places or _hosts(app)))):
        return
    if not places and (hosts := _hosts(app)):
        for one in hosts:
            app.also(
                "environment",
                one.name,
                f"{TODO}: the host of a Redis of yours",
                f"{one.where} asks for its host and port",
            )
        app.notes.append(
            f"{hosts[0].where} looks for Redis by host and port, and Slipway's own has a Unix socket only: name one that listens "
            f"on TCP, or have the code read REDIS_URL and set `redis: local`"
        )
        return
    if not places:
        app.dangers.append(
            f"{where} uses Redis, and no environment variable says where it is: read REDIS_URL, and set `redis: local`"
        )
        return
    first = min(
        places,
        key=lambda name: (name != "REDIS_URL", bool(CACHE.search(name)), "REDIS" not in name, list(places).index(name)),
    )
    app.say("redis", "local", f"Redis on this host; {places[first]} reads {first}")
    if first != "REDIS_URL":
        app.say("redis_variable", first, places[first])
    if all(CACHE.search(name) for name in places):
        app.say("redis_purpose", "cache", "it may forget: no queue reads it")
    for name, place in places.items():
        if name != first:
            app.also("redis_variables", name, "cache" if CACHE.search(name) else "queue", place)


def _hosts(app: App) -> list[Read]:
    """Return the variables that hold the host of Redis alone."""
    return [one for one in settings.reads(app) if HOST.fullmatch(one.name) and not settings.aside(one.module, one.node)]


def _prefixed(app: App) -> Iterator[tuple[str, str]]:
    """Yield (variable, where) of settings that the code leads to Redis and that the app lets variables with a prefix change.

    A setting that is a mapping is changed by FLASK_CELERY__broker_url (flask.Config.from_prefixed_env).
    """
    start = config.prefix(app)
    for one in config.sets(app) if start is not None else []:
        pairs: list[tuple[str, ast.expr | None]] = [("", one.value)]
        if isinstance(one.value, ast.Dict):
            pairs = [(text(key), value) for key, value in zip(one.value.keys, one.value.values, strict=True) if key]
        elif isinstance(one.value, ast.Call) and called(one.module, one.value) == "dict":
            pairs = [(word.arg or "", word.value) for word in one.value.keywords]
        for name, value in pairs:
            if re.match(r"rediss?:", str(app.values.of(one.module, value))):
                yield f"{start}{one.key}{'__' if name else ''}{name}", one.module.where(value or one.value)
