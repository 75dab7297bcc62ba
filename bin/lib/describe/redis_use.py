# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Redis: `redis`, and the variable that leads to it."""

from __future__ import annotations

import re

from describe import settings
from describe.app import TODO, App

REDIS_NAME = re.compile(
    r"(\w+_)?REDIS_?(URL|URI|DSN|TLS_URL|CONNECTION_STRING)|REDIS|(CELERY_)?(BROKER|RESULT_BACKEND|BACKEND)(_URL)?"
    r"|CELERY_RESULT_BACKEND|RATELIMIT_STORAGE_UR[LI]|CACHE_REDIS_URL|RQ_URL|QUEUE_URL"
)
USERS = ("redis", "flask-redis", "rq", "flask-rq2", "flask-rq", "celery", "huey", "dramatiq", "hiredis", "rq-scheduler")


def find(app: App) -> None:
    """Say whether the app needs Redis, and the variable that leads to it."""
    where = app.imports("redis", "flask_redis", "rq", "flask_rq2")
    reads = [
        one
        for one in settings.reads(app)
        if REDIS_NAME.fullmatch(one.name) and not settings.aside(one.module, one.node)
    ]
    by_default = [
        one for one in reads if isinstance(one.default, str) and one.default.startswith(("redis:", "rediss:"))
    ]
    by_name = [one for one in reads if "REDIS" in one.name and not settings.SECRET.search(one.name)]
    found = next(iter([*by_name, *by_default, *(reads if app.has("redis", "celery", "rq") else [])]), None)
    needed = bool(where) or bool(by_default) or (app.has(*USERS) and bool(found))
    if not needed:
        return
    if found is None:
        app.say(
            "redis",
            "local",
            f"{where} uses it, and no variable says where: it looks at localhost:6379; read REDIS_URL there",
            off=True,
        )
        app.dangers.append(f"{where} uses Redis, and no environment variable says where it is: read REDIS_URL")
        return
    app.say("redis", "local", f"{found.where} reads {found.name}")
    others = [one.name for one in reads if one.name != found.name and one.name not in ("REDIS",)]
    if found.name != "REDIS_URL":
        app.say("redis_variable", found.name, found.where)
    for name in dict.fromkeys(others):
        read = next(one for one in reads if one.name == name)
        if read.required:
            app.also("environment", name, f"{TODO}: the URL that {found.name} has", read.where)
