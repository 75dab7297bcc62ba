# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Redis: `redis`, and the variables that lead to it."""

from __future__ import annotations

import re

from describe import settings
from describe.app import App
from describe.settings import Read

NAME = re.compile(
    r"(\w+_)?REDIS_?(URL|URI|DSN|TLS_URL|CONNECTION_STRING)|REDIS|(\w+_)?(CELERY_)?(BROKER|RESULT_BACKEND)(_URL)?"
    r"|\w*RATELIMIT_STORAGE_UR[LI]|\w*CACHE_REDIS_URL|RQ_URL|\w*QUEUE_URL|\w*MESSAGE_QUEUE"
)
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
    by_default = any(
        isinstance(one.default, str) and one.default.startswith(("redis:", "rediss:")) for one in reads.values()
    )
    if not (where or by_default or (app.has(*USERS) and reads)):
        return
    if not reads:
        app.dangers.append(
            f"{where} uses Redis, and no environment variable says where it is: read REDIS_URL, and set `redis: local`"
        )
        return
    first = min(
        reads,
        key=lambda name: (name != "REDIS_URL", bool(CACHE.search(name)), "REDIS" not in name, list(reads).index(name)),
    )
    app.say("redis", "local", f"Redis on this host; {reads[first].where} reads {first}")
    if first != "REDIS_URL":
        app.say("redis_variable", first, reads[first].where)
    if all(CACHE.search(name) for name in reads):
        app.say("redis_purpose", "cache", "it may forget: no queue reads it")
    for name, read in reads.items():
        if name != first:
            app.also("redis_variables", name, "cache" if CACHE.search(name) else "queue", read.where)
